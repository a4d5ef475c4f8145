// The thread that keeps the kernel side able to unwind and finishes the stacks that it could not:
// those it shipped raw, and those of threads that still wait, read from their processes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/os/process_maps.h"
#include "agent/os/unique_fd.h"
#include "agent/source/live_tables.h"
#include "agent/source/mapping_stream.h"
#include "agent/source/open_stacks.h"
#include "agent/source/table_builder.h"
#include "agent/source/unwind_maps.h"
#include "bpf/events.h"

struct ring_buffer;

namespace waitscope {

struct RingBufferFree {
  void operator()(ring_buffer* ring) const;
};

class UnwindService {
 public:
  // `raw_ring` is the ring buffer of struct raw_stack.
  static absl::StatusOr<std::unique_ptr<UnwindService>> Start(
      MappingStream stream, const UnwindMapFds& fds, int raw_ring,
      TableBuilder::Build build = BuildFile);
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
  // Waits, but not for long, until what the kernel side shipped by now is finished: stacks whose
  // tables have not come by then, as far as they go.
  void Settle();
  // What code a process has mapped; known for a while after its end. From any thread.
  std::vector<Mapping> MappingsOf(uint32_t pid) const { return tables_.MappingsOf(pid); }
  // The CPython that a process runs, if its layout is known. From any thread.
  std::optional<PythonProcess> PythonOf(uint32_t pid) const { return tables_.pythons().Find(pid); }

  // The HotSpot that a process runs, once it is up. From any thread.
  std::optional<HotSpotLayout> HotSpotOf(uint32_t pid) const {
    return tables_.hotspots().Find(pid);
  }

 private:
  // A stack that goes further once a table has come.
  struct Unfinished {
    raw_stack raw;
    std::optional<waiting_thread> waiting;  // the one it was read of
    std::shared_ptr<const MappedFile> awaited;
  };

  UnwindService(MappingStream stream, UnwindMaps maps, std::unique_ptr<TableBuilder> builder);

  absl::Status Prepare(int raw_ring);
  void Run();
  void Wait();
  void Turn(bool patient);
  bool Stopping() const;
  void Wake() const;
  void Watch(int fd);
  void WatchCpus(const CpuSet& online);
  // A turn after which no stack awaits a table: without patience, the next. False: it took longer.
  bool AwaitTurn(std::chrono::milliseconds patience, bool patient);
  void Finish(const raw_stack& raw);
  void ReadWanted();
  void FinishAwaiting(bool patient);
  // `waiting`: whose it is, of a stack that is read and not shipped.
  UnwoundStack Unwind(const raw_stack& raw, const std::optional<waiting_thread>& waiting);
  void Conclude(const raw_stack& raw, const std::optional<waiting_thread>& waiting,
                const UnwoundStack& stack);
  void HandOver(const raw_stack& raw, const std::optional<waiting_thread>& waiting,
                const UnwoundStack& stack);

  // All of the thread.
  LiveTables tables_;
  std::unique_ptr<ring_buffer, RingBufferFree> raw_;
  UniqueFd epoll_;
  UniqueFd wake_;
  std::vector<std::unique_ptr<Unfinished>> awaiting_;

  mutable std::mutex mutex_;
  std::condition_variable settled_;
  std::vector<stack_event> finished_;
  std::vector<waiting_thread> open_wanted_;
  std::optional<CpuSet> cpus_wanted_;
  std::vector<OpenStack> open_read_;
  uint64_t settle_wanted_ = 0;
  uint64_t settle_done_ = 0;
  bool patient_ = true;    // false: stacks end where they are in the next turn
  bool prepared_ = false;  // every table that was wanted at first is built
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace waitscope
