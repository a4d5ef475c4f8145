#include "agent/python/process_memory.h"

#include <sys/uio.h>

#include <algorithm>

namespace waitscope {
namespace {

constexpr uint64_t kPageBytes = 4096;

size_t ReadOnce(uint32_t pid, uint64_t address, std::span<uint8_t> into) {
  const iovec here{into.data(), into.size()};
  // An address of the other process, never to be followed here.
  const iovec there{reinterpret_cast<void*>(address), into.size()};  // NOLINT
  const ssize_t got = process_vm_readv(static_cast<pid_t>(pid), &here, 1, &there, 1, 0);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

}  // namespace

// A read that ends in another page than it begins is cut there when that page is not mapped.
ReadMemory MemoryOf(uint32_t pid) {
  return [pid](uint64_t address, std::span<uint8_t> into) {
    const size_t got = ReadOnce(pid, address, into);
    const uint64_t page = kPageBytes - address % kPageBytes;
    if (got > 0 || page >= into.size()) return got;
    return ReadOnce(pid, address, into.first(page));
  };
}

}  // namespace waitscope
