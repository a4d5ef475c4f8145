// What a process has mapped, from the text of /proc/PID/maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace waitscope {

struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;     // exclusive
  uint64_t offset = 0;  // of `start` in the file
  uint64_t device = 0;  // major << 32 | minor
  uint64_t inode = 0;   // 0 when no file is behind it
  bool deleted = false;
  std::string path;  // as the process sees it, or "[vdso]", or empty

  friend bool operator==(const Mapping&, const Mapping&) = default;
};

struct ParsedMaps {
  std::vector<Mapping> executable;  // sorted by start; the others hold no code
  size_t malformed_lines = 0;
  size_t dropped = 0;  // executable mappings beyond the limit
};

// Total over any text: a line that is not a mapping is counted and skipped.
ParsedMaps ParseMaps(std::string_view text, size_t max_mappings);

struct AddressRange {
  uint64_t start = 0;
  uint64_t end = 0;  // exclusive

  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// Where files of these devices are mapped, executable or not.
std::vector<AddressRange> RangesOn(std::string_view text, const std::set<uint64_t>& devices);

}  // namespace waitscope
