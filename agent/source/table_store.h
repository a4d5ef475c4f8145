// The unwind tables of the files that processes have mapped: built once per content of a file,
// kept while anything maps it, and longer while there is room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/os/file_access.h"
#include "agent/source/mapping_tracker.h"
#include "agent/source/table_builder.h"
#include "agent/source/unwind_maps.h"

namespace waitscope {

class TableStore {
 public:
  using FindHolder = absl::FunctionRef<std::optional<FileHolder>(const MappedFile* file)>;

  struct Stats {
    uint64_t built = 0;
    uint64_t unreadable = 0;  // files that could not be opened
    uint64_t evicted = 0;
  };

  TableStore(UnwindMaps& maps, TableBuilder& builder) : maps_(maps), builder_(builder) {}

  // How the kernel side is to treat a mapping, as far as is known now. The table of a file met for
  // the first time is wanted from the builder.
  unwind_mapping Describe(const TextMapping& mapping, uint32_t pid);
  // The CPython that one of the mapped files holds, once its table is built.
  std::optional<PythonProcess> PythonIn(const TextMappings& mappings) const;
  // Where the HotSpot that one of them holds has its tables, likewise.
  std::optional<VmStructsAt> HotSpotIn(const TextMappings& mappings) const;
  // Looks whether the file is still the one that its table was built from. True when it was not:
  // then all who have it mapped are to be published anew, at once and when it has been built.
  bool Revalidate(const TextMapping& mapping, uint32_t pid, uint64_t now_ns);

  // Whether any table is wanted and not adopted yet, and whether that of this file.
  bool awaits_tables() const { return awaited_ > 0; }
  bool Awaits(const MappedFile* file) const;
  // Files in use whose tables found no room: they are wanted again, after a while.
  bool is_crowded() const { return !crowded_out_.empty(); }
  void RetryCrowdedOut(uint64_t now_ns);
  // Gives up what nobody uses any more, once room is scarce.
  void KeepRoom(uint64_t now_ns);
  // Takes what the builder has built. Returns the files whose holders are to be published anew.
  std::set<const MappedFile*> AdoptBuilt(FindHolder find_holder, uint64_t now_ns);

  const RuleDictionary& rules() const { return rules_; }
  const Stats& stats() const { return stats_; }

 private:
  enum class State { kAwaited, kReady, kCodeOnly, kUnreadable, kNoRoom };
  struct Entry {
    std::shared_ptr<const MappedFile> file;
    State state = State::kAwaited;
    FileHolder holder;
    bool first_holder = true;  // in which it was met
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
  void Want(Entry& entry, const FileHolder& holder, bool first = true);
  bool WantFromOther(Entry& entry, FindHolder find_holder);
  void Adopt(Entry& entry, BuiltFile built, uint64_t now_ns);
  void AdoptTable(Entry& entry, UnwindTable table, uint64_t now_ns);
  void NoteCrowdedOut(Entry& entry, uint64_t now_ns);
  void Evict(uint64_t now_ns);
  void Remove(Entry& entry, uint64_t now_ns);

  UnwindMaps& maps_;
  TableBuilder& builder_;
  RuleDictionary rules_;
  absl::flat_hash_map<const MappedFile*, Entry> entries_;
  size_t awaited_ = 0;
  std::vector<std::shared_ptr<const MappedFile>> crowded_out_;
  uint64_t retry_ns_ = 0;
  uint64_t retry_pause_ns_ = 0;
  uint32_t next_number_ = 1;
  Stats stats_;
};

}  // namespace waitscope
