// The memory of another process.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace waitscope {

// False when it cannot be read: not mapped, or the process is gone.
bool ReadWordOf(pid_t pid, uint64_t address, uint64_t* word);

// As many bytes as are mapped from there on; 0 when none can be read.
size_t ReadMemoryOf(pid_t pid, uint64_t address, std::span<uint8_t> bytes);

}  // namespace waitscope
