// Names of just-in-time compiled code, which run times append to /tmp/perf-PID.map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "agent/os/file_access.h"

namespace waitscope {

class PerfMap {
 public:
  explicit PerfMap(size_t max_bytes = 16 << 20) : max_bytes_(max_bytes) {}

  // Adds lines "START SIZE name" (hex). Code is written over code: the last line wins. A last
  // line without its newline waits for the rest.
  void Append(std::string_view text);
  // Reads what the file gained since the last call, or all of it when it is another file or
  // became shorter. True when there was something new.
  bool Refresh(const OpenedFile& file);

  // The name of the code around `address`; empty when there is none.
  std::string_view Lookup(uint64_t address) const;
  size_t size() const { return entries_.size(); }
  size_t bytes() const { return bytes_; }
  // Lines left out because the map is full.
  uint64_t dropped() const { return dropped_; }

 private:
  struct Entry {
    uint64_t end;
    std::string name;
  };

  void AddLine(std::string_view line);
  void RemoveOverlap(uint64_t start, uint64_t end);

  size_t max_bytes_;
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;
  absl::btree_map<uint64_t, Entry> entries_;
  std::string partial_line_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  uint64_t consumed_ = 0;
};

}  // namespace waitscope
