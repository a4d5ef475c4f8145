// The builtins of V8: machine code in the file of the program that V8 is part of, linked without
// call frame information. By these V8's code and C++ call each other.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/unwind/elf_image.h"
#include "agent/unwind/known_code.h"

namespace waitscope {

// All builtins are a megabyte and a half: smaller gaps between functions are none.
constexpr uint64_t kFewestV8Bytes = 256 << 10;

// Where the file also has what V8 tells debuggers of its frames. Reads all symbols.
std::optional<KnownCode> FindV8Builtins(const ElfImage& image);

}  // namespace waitscope
