#include "agent/core/unread.h"

#include <gmock/gmock.h>

#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::IsEmpty;

constexpr uint32_t kPid = 10;
constexpr UnreadKey kPort{kPid, 8080};

class Unread : public testing::Test {
 protected:
  // So many reads so far, each of a request 1 ms old.
  static unread_event Reading(uint64_t at_ns, uint32_t reads) {
    unread_event event{};
    event.pid = kPort.pid;
    event.port = kPort.port;
    event.at_ns = at_ns;
    event.reads = reads;
    event.age_ns = reads * kMs;
    event.age_max_ns = kMs;
    event.age_hist[hist_bucket(kMs)] = reads;
    return event;
  }

  static unread_event WithOpen(unread_event event, uint64_t age_ns) {
    event.open_oldest_ns = std::max<uint64_t>(event.open_oldest_ns, age_ns);
    hist_count(event.open_hist, age_ns);
    return event;
  }

  Snapshot Close(bool alive = true) {
    Snapshot snapshot;
    snapshot.begin_ns = now_ns_;
    snapshot.end_ns = now_ns_ += 1000 * kMs;
    if (alive) snapshot.threads[{kPid, kPid, 1}] = {};
    stage_.Close(snapshot);
    return snapshot;
  }

  UnreadStage stage_;
  uint64_t now_ns_ = 0;
};

TEST_F(Unread, AWindowHasTheReadsBetweenItsReadings) {
  stage_.Fold(Reading(1, 10));
  Close();
  stage_.Fold(Reading(2, 25));
  const UnreadWindow window = Close().unread.at(kPort);
  EXPECT_EQ(window.reads, 15u);
  EXPECT_EQ(window.age_ns, 15 * kMs);
  EXPECT_EQ(window.ages.Count(), 15u);
  EXPECT_EQ(window.age_max_ns, kMs);
}

TEST_F(Unread, WhatStaysUnreadIsToldInEveryWindow) {
  stage_.Fold(WithOpen(Reading(1, 0), 300 * kMs));
  EXPECT_EQ(Close().unread.at(kPort).open_oldest_ns, 300 * kMs);
  stage_.Fold(WithOpen(WithOpen(Reading(2, 0), 1300 * kMs), 20 * kMs));
  const UnreadWindow window = Close().unread.at(kPort);
  EXPECT_EQ(window.open_oldest_ns, 1300 * kMs);
  EXPECT_EQ(window.open.Count(), 2u);
  EXPECT_EQ(window.reads, 0u);
}

TEST_F(Unread, APortWithNothingToTellIsLeftOut) {
  stage_.Fold(Reading(1, 5));
  Close();
  stage_.Fold(Reading(2, 5));
  EXPECT_THAT(Close().unread, IsEmpty());
}

TEST_F(Unread, ProgramsThatStartAnewCountFromNothing) {
  stage_.Fold(Reading(1, 50));
  Close();
  stage_.Fold(Reading(2, 3));
  EXPECT_EQ(Close().unread.at(kPort).reads, 3u);
}

TEST_F(Unread, ARecordingGoesOnWhereTheLastWindowEnded) {
  stage_.Fold(Reading(1, 50));
  Close();
  UnreadStage recorded;
  stage_.Baseline([&](const Event& event) { recorded.Fold(std::get<unread_event>(event)); });
  Snapshot before;
  recorded.Close(before);
  recorded.Fold(Reading(2, 53));
  Snapshot window;
  recorded.Close(window);
  EXPECT_EQ(window.unread.at(kPort).reads, 3u);
}

TEST_F(Unread, PortsOfEndedProcessesAreForgotten) {
  stage_.Fold(Reading(1, 50));
  for (int window = 0; window < 4; ++window) Close(/*alive=*/false);
  stage_.Fold(Reading(9, 51));
  EXPECT_EQ(Close().unread.at(kPort).reads, 51u);
}

TEST_F(Unread, MergedWindowsAddReadsAndTakeTheLaterEnd) {
  stage_.Fold(WithOpen(Reading(1, 10), 300 * kMs));
  const Snapshot first = Close();
  stage_.Fold(WithOpen(Reading(2, 11), 40 * kMs));
  const Snapshot second = Close();
  for (const auto& [a, b] : {std::pair(first, second), std::pair(second, first)}) {
    Snapshot both = a;
    Merge(both, b);
    const UnreadWindow& window = both.unread.at(kPort);
    EXPECT_EQ(window.reads, 11u);
    EXPECT_EQ(window.open_oldest_ns, 40 * kMs);
    EXPECT_EQ(window.open.Count(), 1u);
  }
  Snapshot read = first;
  Snapshot nothing;
  nothing.begin_ns = first.end_ns;
  nothing.end_ns = first.end_ns + kMs;
  Merge(read, nothing);
  EXPECT_TRUE(read.unread.at(kPort).open.Empty());
}

TEST_F(Unread, APortWhoseOpenConnectionWasClosedUnreadIsLeftOutOfTheSum) {
  stage_.Fold(WithOpen(Reading(1, 0), 300 * kMs));
  Snapshot both = Close();
  stage_.Fold(Reading(2, 0));
  Merge(both, Close());
  EXPECT_THAT(both.unread, IsEmpty());
}

TEST_F(Unread, TheAgeOfAProcessCountsAllItsPortsAndWhatIsStillUnread) {
  Snapshot snapshot;
  snapshot.unread[kPort].ages.Add(kMs, 99);
  EXPECT_LT(UnreadAgeP99(snapshot, kPid), 2 * kMs);
  snapshot.unread[{kPid, 81}].open.Add(4000 * kMs, 10);
  EXPECT_GE(UnreadAgeP99(snapshot, kPid), 3700 * kMs);
  EXPECT_EQ(UnreadAgeP99(snapshot, kPid + 1), 0u);
}

}  // namespace
}  // namespace waitscope
