// Go writes no call frame information that programs load, but a table of its functions and of how
// far each instruction has moved the stack pointer.
#pragma once

#include <optional>

#include "agent/unwind/elf_image.h"
#include "agent/unwind/known_code.h"

namespace waitscope {

// All of Go's code as one piece. Nothing when the file has none, or of another version.
std::optional<KnownCode> FindGoFunctions(const ElfImage& image);

}  // namespace waitscope
