// The unwind tables of the files that processes have mapped: built once per content of a file,
// kept while anything maps it, and longer while there is room.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/os/file_access.h"
#include "agent/source/hotspot_build.h"
#include "agent/source/mapping_tracker.h"
#include "agent/source/python_build.h"
#include "agent/source/unwind_maps.h"

namespace waitscope {

class TableStore {
 public:
  // A process in which a file can be found: the mapping gives access to the very file.
  struct Holder {
    uint32_t pid = 0;
    uint64_t start = 0;
    uint64_t end = 0;
  };
  using FindHolder = absl::FunctionRef<std::optional<Holder>(const MappedFile* file)>;

  struct Stats {
    uint64_t built = 0;
    uint64_t unreadable = 0;  // files that could not be opened
    uint64_t evicted = 0;
  };

  explicit TableStore(UnwindMaps& maps) : maps_(maps) {}

  // How the kernel side is to treat a mapping, as far as is known now. A file met for the first
  // time is noted to be built.
  unwind_mapping Describe(const TextMapping& mapping, uint32_t pid);
  // The CPython that one of the mapped files holds, once its table is built.
  std::optional<PythonProcess> PythonIn(const TextMappings& mappings) const;
  // Where the HotSpot that one of them holds has its tables, likewise.
  std::optional<VmStructsAt> HotSpotIn(const TextMappings& mappings) const;
  // Looks whether the file is still the one that its table was built from. True when it was not:
  // then all who have it mapped are to be published anew, at once and when it has been built.
  bool Revalidate(const TextMapping& mapping, uint32_t pid, uint64_t now_ns);

  bool has_work() const { return !queue_.empty(); }
  // Files in use whose tables found no room: noted again to be built, after a while.
  bool is_crowded() const { return !crowded_out_.empty(); }
  void RetryCrowdedOut(uint64_t now_ns);
  // Gives up what nobody uses any more, once room is scarce.
  void KeepRoom(uint64_t now_ns);
  // Of the files that are waited for, those of these mappings come first: a stack needs them.
  void Hasten(const SharedMappings& mappings);
  // Builds the table of one file that was noted. Returns the file, whose holders are to be
  // published anew, or null when there was nothing to do.
  const MappedFile* BuildOne(FindHolder find_holder, uint64_t now_ns);

  const RuleDictionary& rules() const { return rules_; }
  const Stats& stats() const { return stats_; }

 private:
  enum class State { kQueued, kReady, kCodeOnly, kUnreadable, kNoRoom };
  struct Entry {
    std::shared_ptr<const MappedFile> file;
    State state = State::kQueued;
    Holder first_holder;
    FileKey key;
    TablePlace place;
    UnwindTable shape;  // its segments and its first page; no rows
    std::optional<PythonBuild> python;
    std::optional<VmStructsAt> hotspot;
    uint32_t number = 0;
    uint64_t checked_ns = 0;
  };

  struct Place {
    const Entry* entry = nullptr;
    uint64_t moved = 0;  // where address 0 of the file came to lie
  };
  std::optional<Place> PlaceOf(const TextMapping& mapping) const;
  void BuildFile(Entry& entry, int fd, uint64_t now_ns);
  void Build(Entry& entry, FindHolder find_holder, uint64_t now_ns);
  void Adopt(Entry& entry, absl::StatusOr<UnwindTable> table, uint64_t now_ns);
  void NoteCrowdedOut(Entry& entry, uint64_t now_ns);
  void Evict(uint64_t now_ns);
  void Remove(Entry& entry, uint64_t now_ns);

  UnwindMaps& maps_;
  RuleDictionary rules_;
  absl::flat_hash_map<const MappedFile*, Entry> entries_;
  std::deque<const MappedFile*> queue_;
  std::vector<std::shared_ptr<const MappedFile>> crowded_out_;
  uint64_t retry_ns_ = 0;
  uint64_t retry_pause_ns_ = 0;
  uint32_t next_number_ = 1;
  Stats stats_;
};

// The file behind a mapping of a process, opened through the mapping itself or by its name as the
// process sees it.
absl::StatusOr<OpenedFile> OpenMapped(const TableStore::Holder& holder, const MappedFile& file);

}  // namespace waitscope
