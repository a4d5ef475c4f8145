// Code that linkers and C libraries leave without call frame information, although everybody
// knows what it does to the stack.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "agent/unwind/elf_image.h"
#include "bpf/unwind/table.h"

namespace waitscope {

struct KnownCode {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::vector<std::pair<uint64_t, unwind_rule>> rows;  // by address, the first at `begin`
};

// By address, not overlapping. Call frame information, where there is some, is to be preferred.
std::vector<KnownCode> FindKnownCode(const ElfImage& image);

}  // namespace waitscope
