// One symbol of an ELF file, for what has to be known of a run time before it is asked.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "agent/unwind/elf_image.h"

namespace waitscope {

// Its address before relocation: of a symbol that the file exports, or else of one it has.
std::optional<uint64_t> FindSymbol(const ElfImage& image, absl::string_view wanted);

}  // namespace waitscope
