// The arrays that the kernel side unwinds with, as this side writes them: tables are placed once
// and never change, a process is published by one update. See bpf/unwind/maps.bpf.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/python/layout.h"
#include "agent/source/range_arena.h"
#include "agent/unwind/rule_dictionary.h"
#include "agent/unwind/stack_unwinder.h"
#include "agent/unwind/unwind_table.h"
#include "bpf/unwind/capture.h"
#include "bpf/unwind/hotspot.h"

namespace waitscope {

struct UnwindMapFds {
  int rows = -1;
  int pages = -1;
  int rules = -1;
  int mappings = -1;
  int processes = -1;
  int pythons = -1;
  int hotspots = -1;
};

// Where a table lies in the arrays.
struct TablePlace {
  uint32_t first_row = 0;
  uint32_t rows = 0;
  uint32_t page_base = 0;
  uint32_t pages = 0;
};

class UnwindMaps {
 public:
  struct Stats {
    uint64_t tables_refused = 0;     // no room
    uint64_t processes_refused = 0;  // no room
  };

  // How many chunks of rows, chunks of page indices and mappings this machine's memory is worth.
  struct Sizes {
    uint32_t row_chunks = 0;
    uint32_t page_chunks = 0;
    uint32_t mappings = 0;
  };
  static Sizes SizesFor(uint64_t memory_bytes);

  static absl::StatusOr<UnwindMaps> Open(const UnwindMapFds& fds);
  ~UnwindMaps();
  UnwindMaps(UnwindMaps&& other) noexcept;
  UnwindMaps(const UnwindMaps&) = delete;
  UnwindMaps& operator=(const UnwindMaps&) = delete;
  UnwindMaps& operator=(UnwindMaps&&) = delete;

  // Nothing when there is no room.
  std::optional<TablePlace> Place(const UnwindTable& table, const RuleDictionary& rules);
  void Remove(const TablePlace& place, uint64_t now_ns);

  // Sorted by address. False when there is no room; the process is then unknown to the kernel side.
  bool Publish(uint32_t pid, std::span<const unwind_mapping> mappings,
               const std::optional<PythonProcess>& python, uint64_t now_ns);
  void Withdraw(uint32_t pid, uint64_t now_ns);
  // Null: the process runs no HotSpot.
  void PublishHotSpot(uint32_t pid, const hotspot_code* code) const;
  // Makes room out of what was removed long enough ago.
  void Collect(uint64_t now_ns);

  // For unwinding on this side with the same tables.
  UnwindView ViewOf(std::span<const unwind_mapping> mappings, const RuleDictionary& rules) const;

  const Stats& stats() const { return stats_; }
  uint32_t rows_used() const { return row_arena_.used(); }
  uint32_t rows_size() const { return row_arena_.size(); }

 private:
  struct Memory {
    void* at = nullptr;
    size_t bytes = 0;
    uint32_t entries = 0;

    uint32_t* word() const { return static_cast<uint32_t*>(at); }
    size_t words() const { return bytes / sizeof(uint32_t); }
  };
  struct Published {
    uint32_t first = 0;
    uint32_t count = 0;
  };

  static absl::StatusOr<Memory> Map(int fd, size_t entry_bytes);
  UnwindMaps(const UnwindMapFds& fds, Memory rows, Memory pages, Memory rules, Memory mappings);
  void WriteRules(const RuleDictionary& rules);
  void GiveUp(const Published& published, uint64_t now_ns);
  uint32_t NumberOf(const python_layout& layout);

  UnwindMapFds fds_;
  Memory rows_;
  Memory pages_;
  Memory rules_;
  Memory mappings_;
  RangeArena row_arena_;
  RangeArena page_arena_;
  RangeArena mapping_arena_;
  size_t rules_written_ = 0;
  uint32_t generation_ = 0;
  std::vector<python_layout> layouts_;  // as they lie in the array
  absl::flat_hash_map<uint32_t, Published> published_;
  Stats stats_;
};

}  // namespace waitscope
