// Unwinds in user space what the kernel side could not finish: registers, a window of the stack,
// and the very tables and steps that the kernel side uses.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "agent/os/process_memory.h"
#include "bpf/unwind/hotspot.h"
#include "bpf/unwind/step.h"
#include "bpf/unwind/table.h"

namespace waitscope {

// The arrays as they are published to the kernel side; `mappings` are those of one process.
struct UnwindView {
  std::span<const unwind_mapping> mappings;
  std::span<const uint32_t> pages;
  std::span<const uint32_t> rows;
  std::span<const unwind_rule> rules;
  // Of a process that runs a HotSpot that is known, and where its code can be read.
  const hotspot_code* hotspot = nullptr;
  ReadMemory read_code;
};

struct StackSample {
  unwind_registers registers = {};  // as unwind_begin leaves them
  uint64_t orig_ax = 0;
  uint64_t ax = 0;
  uint64_t window_address = 0;
  std::span<const uint8_t> window;
};

// Reads one word of the process's memory as it is now. Empty when the thread may have run since
// the sample: what it would read belongs to another stack.
using ReadLiveWord = std::function<bool(uint64_t address, uint64_t* word)>;

struct UnwoundStack {
  std::vector<uint64_t> frames;  // leaf first; at least the sampled pc
  unwind_class trust = UNWIND_CLASS_none;
  unwind_stop stop = UNWIND_STOP_none;
};

UnwoundStack UnwindStack(const UnwindView& view, const StackSample& sample,
                         const ReadLiveWord& read_live);

}  // namespace waitscope
