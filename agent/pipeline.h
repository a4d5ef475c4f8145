// From a source to the history: one thread folds events, another (see publisher.h) names stacks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/source.h"
#include "agent/core/stack.h"
#include "agent/core/window_builder.h"
#include "agent/diagnosis.h"
#include "agent/history.h"
#include "agent/publisher.h"
#include "agent/record_tap.h"

namespace waitscope {

class Pipeline {
 public:
  using GiveUp = absl::FunctionRef<bool()>;

  struct Options {
    HistoryLimits history;
    Publisher::Options publisher;
    // A recording: no window is merged with another, and what came before a damaged part is
    // answered with.
    bool replay = false;
  };

  // `source` and `symbolizer` must outlive the pipeline.
  Pipeline(Source& source, Symbolizer& symbolizer, Options options);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  ~Pipeline();

  void Start();
  // Ends both threads; waits in progress return Unavailable. To be called once.
  void Stop();

  const History& history() const { return history_; }
  const StandingDiagnosis& diagnosis() const { return diagnosis_; }
  // No more windows will come: a recording is over, or the source failed.
  bool Ended() const { return ended_.load(); }
  absl::Status EndStatus() const;

  // Closes the window now; returns the end (CLOCK_MONOTONIC) of the first window that ends after
  // the call, or of the last one when no more will come.
  absl::StatusOr<uint64_t> Mark(GiveUp give_up);
  // Waits for a window that ends at or after `at_ns`, and returns its end.
  absl::StatusOr<uint64_t> WaitForEnd(uint64_t at_ns, GiveUp give_up);
  // Waits until CLOCK_MONOTONIC passes `until_ns`.
  absl::Status SleepUntil(uint64_t until_ns, GiveUp give_up) const;

  // System calls, or locks of the kernel, are watched as long as any lease lives. The pipeline must
  // outlive them.
  absl::StatusOr<std::shared_ptr<void>> LeaseSyscalls(GiveUp give_up);
  absl::StatusOr<std::shared_ptr<void>> LeaseKernelLocks(GiveUp give_up);

  // Tees events into `tap` from the next tick on, until the tap is released by everybody else.
  void Attach(std::shared_ptr<RecordTap> tap);

 private:
  using Task = std::function<void()>;
  // What is watched only while somebody asks.
  enum Detail : uint8_t { kSyscalls, kKernelLocks, kDetails };

  void Ingest();
  void Take(const Event& event);
  void Hint(const Event& event);
  void FeedTaps(const Event& event, bool ticked);
  void RunTasks();
  // Runs `task` on the ingest thread between two polls, since a source serves one thread at a
  // time; after the last poll on the caller's, one at a time. It must not call back into here.
  void Post(Task task);
  absl::StatusOr<std::shared_ptr<void>> Lease(Detail detail, GiveUp give_up);
  // These three on the ingest thread.
  absl::Status Want(Detail detail, bool wanted);
  absl::Status BeginLease(Detail detail);
  void EndLease(Detail detail);
  // The standing diagnosis asks for itself.
  void FollowSuspicion();
  // Why a question about the time to come cannot be answered, if it cannot.
  absl::Status WhyNoMore() const;

  Source& source_;
  const bool replay_;
  History history_;
  StandingDiagnosis diagnosis_;
  Publisher publisher_;
  WindowBuilder builder_;
  std::vector<std::shared_ptr<RecordTap>> taps_;  // of the ingest thread
  std::array<uint32_t, kDetails> leases_{};       // of the ingest thread
  bool suspects_ = false;                         // of the ingest thread

  mutable std::mutex mutex_;
  std::vector<Task> tasks_;
  absl::Status end_status_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> ended_ = false;
  std::thread ingest_;
};

}  // namespace waitscope
