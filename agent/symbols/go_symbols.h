// Names of Go's functions that are left when a program is stripped: the run time itself needs them.
#pragma once

#include <memory>

#include "agent/symbols/string_table.h"
#include "agent/symbols/symbol_table.h"

namespace waitscope {

// Empty when the file is no program of Go 1.16 or later for x86-64, or has no section headers.
SymbolTable ReadGoSymbols(const std::shared_ptr<const ByteSource>& source);

}  // namespace waitscope
