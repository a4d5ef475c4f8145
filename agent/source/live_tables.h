// What the kernel side unwinds with, kept up to date: which code every process has mapped, the
// table of each file, and both published. The same tables unwind here what it could not.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "agent/os/process_maps.h"
#include "agent/source/hotspot_processes.h"
#include "agent/source/mapping_stream.h"
#include "agent/source/mapping_tracker.h"
#include "agent/source/python_processes.h"
#include "agent/source/table_store.h"
#include "agent/source/unwind_maps.h"
#include "agent/unwind/stack_unwinder.h"
#include "bpf/events.h"

namespace waitscope {

// For one thread, but for what says otherwise.
class LiveTables {
 public:
  LiveTables(MappingStream stream, UnwindMaps maps);

  // Readable when there is something to catch up with.
  std::vector<int> fds() const { return stream_.fds(); }
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

  // Files whose tables are wanted and not built.
  bool has_work() const { return tables_.has_work(); }
  // Builds one of them, and publishes it.
  void BuildOne();
  // Looks at processes that have just been met and were not up yet.
  void MeetProcesses();
  // Gives up what belonged to processes that are gone.
  void Reap();

  // Whether anything is known of the process by now. If so, and the kernel side did not know,
  // because its entry is missing or is of before, the process is published again.
  bool KnowsNow(const raw_stack& raw);
  // With what was mapped when the stack was taken; the tables that it needs are built first.
  UnwoundStack Unwind(const raw_stack& raw, const ReadLiveWord& read_live);

  // What code a process has mapped; known for a while after its end. From any thread.
  std::vector<Mapping> MappingsOf(uint32_t pid) const;
  // From any thread.
  const PythonProcesses& pythons() const { return pythons_; }
  const HotSpotProcesses& hotspots() const { return hotspots_; }

 private:
  void ReadProcess(uint32_t pid);
  void Apply(const MappingRecord& record);
  void PublishChanged();
  void PublishHolders(const MappedFile* file);
  void Publish(uint32_t pid, const TextMappings& mappings);
  void Forget(uint32_t pid, uint64_t now_ns);
  UnwoundStack UnwindNow(const raw_stack& raw, const ReadLiveWord& read_live);
  std::vector<unwind_mapping> DescribeAll(uint32_t pid, const TextMappings& mappings);

  MappingStream stream_;
  UnwindMaps maps_;
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
