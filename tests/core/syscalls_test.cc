#include "agent/core/syscalls.h"

#include <gmock/gmock.h>

#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::IsEmpty;

constexpr thread_ref kThread{1, 2, 7};
constexpr SyscallKey kRead{.thread = {1, 2, 7}, .syscall = 0};

class Syscalls : public testing::Test {
 protected:
  void Reads(uint64_t count, uint64_t max_ns = 5000) {
    syscall_event event{};
    event.thread = kThread;
    event.count = count;
    event.total_ns = 1000 * count;
    event.max_ns = max_ns;
    event.hist[1] = static_cast<uint32_t>(count);
    stage_.Fold(event);
  }

  void FailsWith(int error, uint64_t count) {
    syscall_error_event event{};
    event.pid = 1;
    event.error = error;
    event.count = count;
    stage_.Fold(event);
  }

  // While the thread is alive its ledger is read in every window.
  Snapshot Close(bool alive = true) {
    if (alive) {
      thread_.ReadAt(++now_);
      ledgers_.Fold(std::get<ledger_event>(log_.back()));
    }
    Snapshot snapshot;
    ledgers_.Close(snapshot);
    stage_.Close(ledgers_, snapshot);
    return snapshot;
  }

  std::vector<Event> log_;
  uint64_t now_ = 0;
  Timeline thread_{log_, 1, 2};
  LedgerStage ledgers_;
  SyscallStage stage_;
};

TEST_F(Syscalls, WindowIsTheDifferenceOfTotals) {
  Reads(10);
  FailsWith(11, 2);
  Close();
  Reads(25);
  FailsWith(11, 5);
  const Snapshot snapshot = Close();
  EXPECT_EQ(snapshot.syscalls.at(kRead).count, 15u);
  EXPECT_EQ(snapshot.syscalls.at(kRead).total_ns, 15'000u);
  EXPECT_EQ(snapshot.syscalls.at(kRead).latency.Count(), 15u);
  EXPECT_EQ((snapshot.errnos.at({.pid = 1, .syscall = 0, .error = 11})), 3u);
}

TEST_F(Syscalls, IdleCallsAreNotListed) {
  Reads(10);
  Close();
  Reads(10);
  EXPECT_THAT(Close().syscalls, IsEmpty());
}

TEST_F(Syscalls, OldMaximumIsBoundedByTheWindow) {
  Reads(10, 900'000);
  Close();
  Reads(11, 900'000);  // the one new call took about 1 us
  EXPECT_LE(Close().syscalls.at(kRead).max_ns, 2048u);
}

TEST_F(Syscalls, TotalsThatBeganAnewCountFromZero) {
  Reads(10);
  Close();
  Reads(4);
  EXPECT_EQ(Close().syscalls.at(kRead).count, 4u);
}

TEST_F(Syscalls, SilenceWhileDetachedDoesNotCountTwice) {
  Reads(10);
  Close();
  for (int window = 0; window < 10; ++window) Close();
  Reads(12);
  EXPECT_EQ(Close().syscalls.at(kRead).count, 2u);
}

TEST_F(Syscalls, TotalsOfTheDeadAreForgotten) {
  Reads(10);
  FailsWith(11, 3);
  Close();
  for (int window = 0; window < 4; ++window) Close(false);
  size_t kept = 0;
  stage_.Baseline([&](const Event&) { ++kept; });
  EXPECT_EQ(kept, 0u);
}

TEST_F(Syscalls, LoopsCountTheirTurns) {
  loop_event loop{};
  loop.thread = kThread;
  loop.polls = 5;
  loop.gap_ns = 100;
  loop.gap_max_ns = 80;
  loop.gap_hist[0] = 5;
  stage_.Fold(loop);
  Close();
  loop.polls = 8;
  loop.gap_ns = 160;
  loop.gap_hist[0] = 8;
  stage_.Fold(loop);
  const LoopWindow window = Close().loops.at({1, 2, 7});
  EXPECT_EQ(window.polls, 3u);
  EXPECT_EQ(window.gap_ns, 60u);
  EXPECT_EQ(window.gap.Count(), 3u);
}

}  // namespace
}  // namespace waitscope
