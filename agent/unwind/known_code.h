// Code that linkers and C libraries leave without call frame information, although everybody
// knows what it does to the stack.
#pragma once

#include <cstdint>
#include <optional>
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

// Where clang++ put its __clang_call_terminate into such a gap between functions: every thread that
// waits below std::terminate for an exception that left a noexcept function returns through it.
std::optional<KnownCode> FindTerminateCall(const ElfImage& image, uint64_t begin, uint64_t end);

}  // namespace waitscope
