#include "agent/os/process_memory.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace waitscope {

// clang-tidy does not see that the kernel writes there.
bool ReadWordOf(pid_t pid, uint64_t address, uint64_t* word) {  // NOLINT
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(word), sizeof(*word));
  return ReadMemoryOf(pid, address, bytes) == sizeof(*word);
}

// A page is copied whole or not at all: asking page by page, the kernel hands over all before the
// first that is not mapped.
size_t ReadMemoryOf(pid_t pid, uint64_t address, std::span<uint8_t> bytes) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::array<iovec, 16> there{};
  size_t parts = 0;
  size_t covered = 0;
  while (covered < bytes.size() && parts < there.size()) {
    const uint64_t at = address + covered;
    const size_t length = std::min<uint64_t>(page - at % page, bytes.size() - covered);
    // An address of the other process, never to be followed here.
    there[parts++] = {reinterpret_cast<void*>(at), length};  // NOLINT
    covered += length;
  }
  const iovec here = {bytes.data(), covered};
  const ssize_t got = process_vm_readv(pid, &here, 1, there.data(), parts, 0);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

ReadMemory MemoryOf(uint32_t pid) {
  return [pid](uint64_t address, std::span<uint8_t> into) {
    return ReadMemoryOf(static_cast<pid_t>(pid), address, into);
  };
}

}  // namespace waitscope
