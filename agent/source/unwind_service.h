// Keeps the kernel side able to unwind, on a thread of its own: follows every process's mappings,
// builds tables, publishes both, and finishes the stacks that the kernel side could not.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/os/process_maps.h"
#include "agent/os/unique_fd.h"
#include "agent/source/mapping_stream.h"
#include "agent/source/mapping_tracker.h"
#include "agent/source/open_stacks.h"
#include "agent/source/python_processes.h"
#include "agent/source/table_store.h"
#include "agent/source/unwind_maps.h"
#include "agent/unwind/stack_unwinder.h"
#include "bpf/events.h"

struct ring_buffer;

namespace waitscope {

struct RingBufferFree {
  void operator()(ring_buffer* ring) const;
};

class UnwindService {
 public:
  struct Stats {
    uint64_t raw_stacks = 0;
    uint64_t raw_finished = 0;  // reached the root here
    uint64_t records = 0;
    uint64_t processes = 0;
    UnwindMaps::Stats maps;
    TableStore::Stats tables;
    uint32_t rows_used = 0;
  };

  // `raw_ring` is the ring buffer of struct raw_stack.
  static absl::StatusOr<std::unique_ptr<UnwindService>> Start(MappingStream stream,
                                                              const UnwindMapFds& fds,
                                                              int raw_ring);
  ~UnwindService();
  UnwindService(const UnwindService&) = delete;
  UnwindService& operator=(const UnwindService&) = delete;

  // The CPUs that are online changed. From any thread.
  void FollowCpus(CpuSet online);
  // Hands over the stacks finished since the last call. From any thread.
  void TakeFinished(absl::FunctionRef<void(const stack_event&)> each);
  // Waits, but not for long, until the code of all processes of now has its tables.
  void AwaitTables();
  // Reads the user stacks of waiting threads from their processes. Waits, but not for long: what
  // takes longer is handed over by a later call.
  std::vector<OpenStack> ReadOpen(std::vector<waiting_thread> waiting);
  // Waits, but not for long, until what the kernel side shipped by now is finished.
  void Settle();
  // What code a process has mapped; known for a while after its end. From any thread.
  std::vector<Mapping> MappingsOf(uint32_t pid) const;
  // The CPython that a process runs, if its layout is known. From any thread.
  std::optional<PythonProcess> PythonOf(uint32_t pid) const { return pythons_.Find(pid); }
  Stats stats() const;

 private:
  UnwindService(MappingStream stream, UnwindMaps maps);

  absl::Status Prepare(int raw_ring);
  void Run();
  void Wait();
  void Turn();
  void Wake() const;
  void Watch(int fd);
  void WatchCpus(const CpuSet& online);
  void ReadAllProcesses();
  void ReadProcess(uint32_t pid);
  void Follow(uint64_t before_ns);
  void Apply(const MappingRecord& record);
  void PublishChanged();
  void PublishHolders(const MappedFile* file);
  void Publish(uint32_t pid, const TextMappings& mappings);
  void BuildOne();
  void Reap();
  void Finish(const raw_stack& raw);
  bool Reread(uint32_t pid);
  bool KnowsNow(const raw_stack& raw);
  UnwoundStack Unwind(const raw_stack& raw, const ReadLiveWord& read_live);
  UnwoundStack UnwindBuilding(const raw_stack& raw, const ReadLiveWord& read_live);
  void ReadWanted();
  std::vector<unwind_mapping> DescribeAll(uint32_t pid, const TextMappings& mappings);

  // All of the thread.
  MappingStream stream_;
  UnwindMaps maps_;
  TableStore tables_;
  MappingTracker tracker_;  // the thread writes it, under the lock
  mutable std::mutex tracker_mutex_;
  std::unique_ptr<ring_buffer, RingBufferFree> raw_;
  PythonProcesses pythons_;
  std::map<uint32_t, uint64_t> dying_;  // processes whose first thread ended, and when
  uint64_t reread_ns_ = 0;
  uint64_t records_ = 0;
  uint64_t raw_stacks_ = 0;
  uint64_t raw_finished_ = 0;
  bool lost_ = false;
  UniqueFd epoll_;
  UniqueFd wake_;

  mutable std::mutex mutex_;
  std::condition_variable settled_;
  std::vector<stack_event> finished_;
  std::vector<waiting_thread> open_wanted_;
  std::optional<CpuSet> cpus_wanted_;
  std::vector<OpenStack> open_read_;
  uint64_t settle_wanted_ = 0;
  uint64_t settle_done_ = 0;
  bool prepared_ = false;  // every table that was wanted at first is built
  bool stopping_ = false;
  Stats stats_;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace waitscope
