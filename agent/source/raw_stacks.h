// What an incomplete stack from the kernel side is to the agent's unwinder, and what becomes of it.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/os/process_maps.h"
#include "agent/os/process_memory.h"
#include "agent/source/mapping_tracker.h"
#include "agent/unwind/stack_unwinder.h"
#include "bpf/unwind/capture.h"

namespace waitscope {

// A view into `raw`.
StackSample SampleOf(const raw_stack& raw);

// The same of a thread that waits, with as much of its stack as can be read now.
void ReadStackOf(const waiting_thread& waiting, uint64_t now_ns, const ReadMemory& memory,
                 raw_stack& raw);

stack_event EventOf(const raw_stack& raw, const UnwoundStack& stack);

// What a process has mapped, and of what it had before its last exec or fork the rest: its stacks
// may be of either time.
std::vector<Mapping> AllMappingsOf(const MappingTracker& tracker, uint32_t pid);

}  // namespace waitscope
