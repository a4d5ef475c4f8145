// A machine made up for tests: its threads block and wake in every window, and it ticks by the
// clock or when asked, as the live source does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "agent/core/source.h"
#include "agent/core/stack.h"
#include "tests/core/timeline.h"

namespace waitscope {

// Neither is in /proc: pid_max is 4,194,304 at most, and we never run that high.
inline constexpr uint32_t kWorkerPid = 4'190'000;
inline constexpr uint32_t kLockerPid = 4'199'999;

class TickingSource : public Source {
 public:
  struct Options {
    uint64_t window_ns = 50 * kMs;
    uint32_t worker_threads = 2;
    uint32_t worker_pid = kWorkerPid;
  };

  TickingSource() : TickingSource(Options()) {}
  explicit TickingSource(Options options);

  absl::StatusOr<bool> Poll(absl::FunctionRef<void(const Event&)> fold) override;
  void RequestTick() override;
  absl::Status WantSyscalls(bool wanted) override;

  // From Hold to GoOn, Poll does not return.
  void Hold();
  void GoOn();

  bool syscalls_wanted() const { return syscalls_wanted_; }
  int times_wanted() const { return times_wanted_; }
  int ticks() const { return ticks_; }
  // What the next Poll answers instead of events.
  void FailWith(absl::Status status);

 private:
  void Tick(absl::FunctionRef<void(const Event&)> fold);
  void Introduce(uint64_t now_ns);

  const Options options_;
  std::vector<Event> log_;
  std::vector<std::unique_ptr<Timeline>> threads_;
  uint64_t next_tick_ns_ = 0;
  std::atomic<bool> syscalls_wanted_ = false;
  std::atomic<int> ticks_ = 0;
  std::atomic<int> times_wanted_ = 0;
  std::mutex mutex_;
  std::condition_variable asked_;
  bool tick_wanted_ = false;
  bool held_ = false;
  bool holding_ = false;
  absl::Status failure_;
};

// Names every address "function_ADDRESS".
class SpellingSymbolizer : public Symbolizer {
 public:
  Stack Resolve(const RawStack& raw) override;
};

}  // namespace waitscope
