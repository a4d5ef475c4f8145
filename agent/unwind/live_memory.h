// The memory of another process, one word at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace waitscope {

// False when it cannot be read: not mapped, or the process is gone.
bool ReadWordOf(pid_t pid, uint64_t address, uint64_t* word);

}  // namespace waitscope
