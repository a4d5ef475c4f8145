// The memory of another process, which may change or vanish while it is read.
//
// Only pages that are in memory are read. To read another would bring it in: it would swap in what
// the process does not need, and wait for as long as a file's daemon, a server or the process
// itself (userfaultfd) likes to keep it back.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace waitscope {

// Returns how many bytes could be read: those before the first page that is not in memory, and no
// more than 60 KiB.
size_t ReadMemoryOf(pid_t pid, uint64_t address, std::span<uint8_t> bytes);

// The same of one process, for many reads and one thread, and for code that tests hand made memory.
// Not to be kept: what pages are there is told as of the first read around them.
using ReadMemory = std::function<size_t(uint64_t address, std::span<uint8_t> into)>;
ReadMemory MemoryOf(uint32_t pid);

// Brings in what lies in files on disks of this machine: a library's texts that nobody looked at.
ReadMemory MemoryAndFilesOf(uint32_t pid);

}  // namespace waitscope
