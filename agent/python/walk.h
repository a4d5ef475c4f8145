// The Python frames of a thread that stays where it is, read from its process.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/os/process_memory.h"
#include "agent/python/layout.h"

namespace waitscope {

// As the kernel side walks them (bpf/unwind/python.bpf.h), and in the same words. `tid` is the
// thread's id as its own process sees it.
std::vector<uint64_t> WalkPython(const PythonProcess& process, uint32_t tid,
                                 const ReadMemory& read);

}  // namespace waitscope
