// Changes of processes' executable mappings, as the kernel's perf events tell them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace waitscope {

// A file as mappings name it. Inode 0: no file is behind it ("[vdso]", or nothing at all).
struct MappedFile {
  uint64_t device = 0;  // major << 32 | minor
  uint64_t inode = 0;
  std::string path;  // as the process sees it

  friend auto operator<=>(const MappedFile&, const MappedFile&) = default;
};

struct MappingRecord {
  enum class Kind {
    kMap,   // pid maps [start, end) executable
    kExec,  // pid runs another program: nothing of before is mapped any more
    kFork,  // parent_pid made pid, with all its mappings
    kExit,  // pid's first thread ended
    kLost,  // records are missing: what is known may be wrong
  };
  Kind kind = Kind::kLost;
  uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  uint32_t pid = 0;
  uint32_t parent_pid = 0;
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t offset = 0;  // of `start` in the file
  MappedFile file;
};

// From one record of a perf ring (header and all) whose trailer is the time. Nothing for records
// that say nothing about mappings, threads of a known process included, and for damaged ones.
std::optional<MappingRecord> ParseMappingRecord(std::span<const std::byte> record);

}  // namespace waitscope
