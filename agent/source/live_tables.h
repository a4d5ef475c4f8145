// What the kernel side unwinds with, kept up to date: which code every process has mapped, the
// table of each file, and both published. The same tables unwind here what it could not.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "agent/os/process_maps.h"
#include "agent/source/hotspot_processes.h"
#include "agent/source/mapping_stream.h"
#include "agent/source/mapping_tracker.h"
#include "agent/source/python_processes.h"
#include "agent/source/table_builder.h"
#include "agent/source/table_store.h"
#include "agent/source/unwind_maps.h"
#include "agent/unwind/stack_unwinder.h"
#include "bpf/events.h"

namespace waitscope {

// For one thread, but for what says otherwise.
class LiveTables {
 public:
  LiveTables(MappingStream stream, UnwindMaps maps, std::unique_ptr<TableBuilder> builder);

  // Readable when there is something to catch up with.
  std::vector<int> fds() const { return stream_.fds(); }
  // Readable when there are tables to adopt.
  int built_fd() const { return builder_->fd(); }
  // For how long that may be waited for; -1: for ever.
  int patience_ms() const;

  // The CPUs that are online changed: what was mapped on one that was not followed is read from
  // /proc, now or when it is missed.
  void FollowCpus(const CpuSet& online);

  // From /proc: once, at the beginning.
  void ReadAllProcesses();
  // Follows the records up to that time, and publishes what they changed.
  void CatchUp(uint64_t before_ns);
  // What no record told: the last resort, and dear. False when the last time was too short ago.
  bool Reread(uint32_t pid);

  // Whether tables are wanted and not adopted yet, and whether that of this file.
  bool awaits_tables() const { return tables_.awaits_tables(); }
  bool Awaits(const MappedFile& file) const { return tables_.Awaits(&file); }
  // Publishes the tables that were built meanwhile.
  void AdoptBuilt();
  // Looks at processes that have just been met and were not up yet.
  void MeetProcesses();
  // Gives up what belonged to processes that are gone.
  void Reap();

  // Whether anything is known of the process by now. If so, and the kernel side did not know,
  // because its entry is missing or is of before, the process is published again.
  bool KnowsNow(const raw_stack& raw);
  // With what was mapped when the stack was taken, and the tables that there are. `memory` is the
  // process's.
  UnwoundStack Unwind(const raw_stack& raw, const ReadMemory& memory,
                      const ReadLiveWord& read_live);
  // The file whose table is to come and takes that stack further, or null. What the stack may need
  // is built first.
  std::shared_ptr<const MappedFile> AwaitedBy(const raw_stack& raw, const UnwoundStack& stack);

  // What code a process has mapped; known for a while after its end. From any thread.
  std::vector<Mapping> MappingsOf(uint32_t pid) const;
  // From any thread.
  const PythonProcesses& pythons() const { return pythons_; }
  const HotSpotProcesses& hotspots() const { return hotspots_; }

 private:
  void ReadProcess(uint32_t pid);
  void Apply(const MappingRecord& record);
  void PublishChanged();
  void PublishHolders(const std::set<const MappedFile*>& files);
  std::optional<FileHolder> HolderOf(const MappedFile* file) const;
  void Publish(uint32_t pid, const TextMappings& mappings);
  void Forget(uint32_t pid, uint64_t now_ns);
  std::vector<unwind_mapping> DescribeAll(uint32_t pid, const TextMappings& mappings);

  MappingStream stream_;
  UnwindMaps maps_;
  std::unique_ptr<TableBuilder> builder_;
  TableStore tables_;
  MappingTracker tracker_;  // the thread writes it, under the lock
  mutable std::mutex tracker_mutex_;
  PythonProcesses pythons_;
  HotSpotProcesses hotspots_;
  std::map<uint32_t, uint64_t> dying_;  // processes whose first thread ended, and when
  uint64_t reread_ns_ = 0;
  bool lost_ = false;
};

}  // namespace waitscope
