#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "agent/core/snapshot.h"
#include "tests/core/debug_string.h"
#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::SizeIs;

Snapshot Merged(Snapshot into, const Snapshot& other) {
  Merge(into, other);
  return into;
}

// Adjacent windows of a machine on which threads live, wait through ticks and die.
std::vector<Snapshot> AdjacentWindows(uint64_t seed, int count) {
  std::mt19937_64 random(seed);
  std::vector<Event> log{TickAt(0)};
  std::vector<Timeline> threads;
  threads.reserve(6);
  for (uint32_t tid = 1; tid <= 6; ++tid) {
    threads.emplace_back(log, 1 + tid % 2, tid, tid % 2 ? "odd" : "even").Period(kMs).BornAt(0);
  }
  for (int window = 0; window < count; ++window) {
    const uint64_t begin = static_cast<uint64_t>(window) * 1000 * kMs;
    for (Timeline& thread : threads) {
      const uint64_t now = begin + random() % (500 * kMs);
      thread.Stacks(1 + random() % 3, 10).On(FutexAt(random() % 9));
      if (thread.totals().state == THREAD_running) thread.BlockAt(now, WAIT_lock);
      if (random() % 2) thread.WakeAt(now + kMs).RunAt(now + 2 * kMs);
      thread.ReadAt(begin + 999 * kMs);
    }
    log.emplace_back(LossOf(LOST_ring_full, static_cast<uint64_t>(window) * 3));
    log.emplace_back(TickAt(begin + 1000 * kMs));
  }
  std::vector<Snapshot> snapshots;
  for (Window& window : FoldAll(log)) snapshots.push_back(std::move(window.snapshot));
  return snapshots;
}

TEST(Merge, DoesNotDependOnOrder) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto windows = AdjacentWindows(seed, 2);
    ASSERT_EQ(DebugString(Merged(windows[0], windows[1])),
              DebugString(Merged(windows[1], windows[0])));
  }
}

TEST(Merge, DoesNotDependOnGrouping) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto w = AdjacentWindows(seed, 4);
    const std::string left = DebugString(Merged(Merged(Merged(w[0], w[1]), w[2]), w[3]));
    EXPECT_EQ(DebugString(Merged(w[0], Merged(w[1], Merged(w[2], w[3])))), left);
    EXPECT_EQ(DebugString(Merged(Merged(w[2], w[3]), Merged(w[0], w[1]))), left);
    EXPECT_EQ(DebugString(Merged(Merged(Merged(w[3], w[2]), w[1]), w[0])), left);
  }
}

TEST(Merge, OfEqualWindowsDoesNotDependOnOrder) {
  // Two halves of one window, as two agents of one host would tell it.
  const Snapshot whole = AdjacentWindows(3, 2)[1];
  Snapshot odd = whole;
  std::erase_if(odd.threads, [](const auto& row) { return row.first.tid % 2 == 0; });
  Snapshot even = whole;
  std::erase_if(even.threads, [](const auto& row) { return row.first.tid % 2 == 1; });
  even.threads.begin()->second.comm = "renamed";
  EXPECT_EQ(DebugString(Merged(odd, even)), DebugString(Merged(even, odd)));
  EXPECT_EQ(DebugString(Merged(whole, even)), DebugString(Merged(even, whole)));
}

TEST(Merge, ThreadTotalsAddAndTheIdentityStays) {
  const auto windows = AdjacentWindows(1, 2);
  const Snapshot both = Merged(windows[0], windows[1]);
  const auto& [key, thread] = *both.threads.begin();
  EXPECT_EQ(thread.totals.wall_ns,
            windows[0].threads.at(key).totals.wall_ns + windows[1].threads.at(key).totals.wall_ns);
  EXPECT_EQ(thread.totals.ResidualNs(), 0);
  EXPECT_EQ(both.begin_ns, windows[0].begin_ns);
  EXPECT_EQ(both.end_ns, windows[1].end_ns);
  EXPECT_EQ(both.windows, 2u);
}

TEST(Merge, OpenWaitsComeFromTheLaterWindow) {
  std::vector<Event> log{TickAt(0)};
  Timeline ends(log, 1, 1);
  Timeline goes_on(log, 1, 2);
  Timeline dies(log, 1, 3);
  for (Timeline* thread : {&ends, &goes_on, &dies}) {
    thread->Stacks(4, 0).BornAt(0).BlockAt(10, WAIT_lock).ReadAt(100);
  }
  log.emplace_back(TickAt(100));
  ends.WakeAt(150).RunAt(150).ReadAt(200);
  goes_on.ReadAt(200);
  dies.WakeAt(150).RunAt(150).ExitAt(160);
  log.emplace_back(TickAt(200));
  const auto windows = FoldAll(log);
  for (const Snapshot& both : {Merged(windows[0].snapshot, windows[1].snapshot),
                               Merged(windows[1].snapshot, windows[0].snapshot)}) {
    EXPECT_FALSE(both.threads.at(ends.key()).open_wait);
    EXPECT_FALSE(both.threads.at(dies.key()).open_wait);
    EXPECT_EQ(both.threads.at(goes_on.key()).open_wait->ns, 190u);
    for (const auto& [key, value] : both.samples) {
      EXPECT_EQ(key.open, key.thread == goes_on.key() && value.ns == 100);
    }
  }
}

TEST(Merge, SamplesOfOneObjectMeetWhateverItsNumber) {
  std::vector<Event> log{TickAt(0)};
  Timeline thread(log, 1, 1);
  thread.BornAt(0).On(FutexAt(0xa)).BlockAt(10).WakeAt(20).RunAt(20);
  log.emplace_back(TickAt(100));
  thread.On(FutexAt(0xb)).BlockAt(110).WakeAt(120).RunAt(120);
  thread.On(FutexAt(0xa)).BlockAt(130).WakeAt(140).RunAt(140);
  log.emplace_back(TickAt(200));
  const auto windows = FoldAll(log);
  const Snapshot both = Merged(windows[0].snapshot, windows[1].snapshot);
  ASSERT_THAT(both.samples, SizeIs(2));
  for (const auto& [key, value] : both.samples) {
    EXPECT_EQ(value.ns, both.objects.at(key.object).id == 0xa ? 20 : 10);
  }
}

TEST(Merge, KeepsTheSlowestRequests) {
  Snapshot into;
  Snapshot other;
  for (uint64_t index = 0; index < 2 * kSlowestRequests; ++index) {
    block_event request{};
    request.complete_ns = index;
    (index % 2 ? into : other).requests.push_back(request);
  }
  Merge(into, other);
  ASSERT_THAT(into.requests, SizeIs(kSlowestRequests));
  EXPECT_EQ(into.requests.front().complete_ns, 2 * kSlowestRequests - 1);
  EXPECT_EQ(into.requests.back().complete_ns, kSlowestRequests);
}

TEST(Snapshot, BytesGrowWithWhatIsInIt) {
  const auto windows = AdjacentWindows(1, 2);
  Snapshot both = Merged(windows[0], windows[1]);
  EXPECT_GT(ApproximateBytes(windows[0]), ApproximateBytes(Snapshot{}));
  const size_t before = ApproximateBytes(both);
  both.stacks[1].frames.push_back({.symbol = std::string(1000, 'x')});
  EXPECT_GT(ApproximateBytes(both), before + 1000);
}

}  // namespace
}  // namespace waitscope
