// Symbols of an ELF file by their names, for what has to be known of a run time before it is asked.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/unwind/elf_image.h"

namespace waitscope {

// Their addresses before relocation, in the order of `wanted`: of symbols that the file exports, or
// else of those it has.
std::vector<std::optional<uint64_t>> FindSymbols(const ElfImage& image,
                                                 std::span<const absl::string_view> wanted);
std::optional<uint64_t> FindSymbol(const ElfImage& image, absl::string_view wanted);

}  // namespace waitscope
