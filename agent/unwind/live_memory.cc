#include "agent/unwind/live_memory.h"

#include <sys/uio.h>

namespace waitscope {

// clang-tidy does not see that the kernel writes there.
bool ReadWordOf(pid_t pid, uint64_t address, uint64_t* word) {  // NOLINT
  const iovec here = {word, sizeof(*word)};
  // An address of the other process, never to be followed here.
  const iovec there = {reinterpret_cast<void*>(address), sizeof(*word)};  // NOLINT
  return process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof(*word);
}

}  // namespace waitscope
