// The memory of another process, which may change or vanish while it is read.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace waitscope {

// False when it cannot be read: not mapped, or the process is gone.
bool ReadWordOf(pid_t pid, uint64_t address, uint64_t* word);

// As many bytes as are mapped from there on; 0 when none can be read.
// At most 60 KiB are asked for.
size_t ReadMemoryOf(pid_t pid, uint64_t address, std::span<uint8_t> bytes);

// The same of one process, for code that tests hand made memory.
using ReadMemory = std::function<size_t(uint64_t address, std::span<uint8_t> into)>;
ReadMemory MemoryOf(uint32_t pid);

}  // namespace waitscope
