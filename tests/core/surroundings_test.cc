#include "agent/core/surroundings.h"

#include <gmock/gmock.h>

#include "agent/core/wire_text.h"
#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

cgroup_event GroupWith(uint64_t at_ns, uint64_t throttled_ns) {
  cgroup_event event{};
  event.at_ns = at_ns;
  event.throttled_ns = throttled_ns;
  event.quota_ns = 20 * kMs;
  SetText(event.path, "/shop");
  return event;
}

Snapshot CloseOf(SurroundingsStage& stage) {
  Snapshot snapshot;
  stage.Close(snapshot);
  return snapshot;
}

TEST(Surroundings, WhatAFirstReadingCountedHappenedBefore) {
  SurroundingsStage stage;
  stage.Fold(GroupWith(1, 900));
  EXPECT_EQ(CloseOf(stage).cgroups.at("/shop").throttled_ns, 0u);
  stage.Fold(GroupWith(2, 950));
  const CgroupWindow window = CloseOf(stage).cgroups.at("/shop");
  EXPECT_EQ(window.throttled_ns, 50u);
  EXPECT_EQ(window.quota_ns, 20 * kMs);
}

TEST(Surroundings, PressureIsTheGrowthOfItsTotals) {
  SurroundingsStage stage;
  pressure_event event{};
  event.at_ns = 1;
  event.memory_some_ns = 100;
  stage.Fold(event);
  CloseOf(stage);
  event.at_ns = 2;
  event.memory_some_ns = 130;
  stage.Fold(event);
  EXPECT_EQ(CloseOf(stage).pressure.memory_some_ns, 30u);
}

TEST(Surroundings, OwnersAreOfOneWindowAndPortsStay) {
  SurroundingsStage stage;
  lock_owner_event owner{};
  owner.waiter.pid = 10;
  owner.word = 0x7000;
  owner.owner_tid = 11;
  stage.Fold(owner);
  stage.Fold(owner);
  listener_event listener{};
  listener.port = 8080;
  stage.Fold(listener);
  const Snapshot first = CloseOf(stage);
  EXPECT_EQ(first.lock_owners.at({10, 0x7000, 11}), 2u);
  const Snapshot second = CloseOf(stage);
  EXPECT_THAT(second.lock_owners, IsEmpty());
  EXPECT_THAT(second.listening, ElementsAre(8080));
}

TEST(Surroundings, ARecordingBeginsWithWhatIsKnown) {
  SurroundingsStage stage;
  stage.Fold(GroupWith(1, 900));
  CloseOf(stage);
  SurroundingsStage replayed;
  stage.Baseline([&](const Event& event) {
    if (const auto* group = std::get_if<cgroup_event>(&event)) replayed.Fold(*group);
  });
  CloseOf(replayed);
  replayed.Fold(GroupWith(2, 950));
  EXPECT_EQ(CloseOf(replayed).cgroups.at("/shop").throttled_ns, 50u);
}

TEST(Surroundings, MergedWindowsAddUp) {
  SurroundingsStage stage;
  stage.Fold(GroupWith(1, 0));
  CloseOf(stage);
  stage.Fold(GroupWith(2, 30));
  Snapshot merged = CloseOf(stage);
  merged.end_ns = 2;
  stage.Fold(GroupWith(3, 70));
  Snapshot later = CloseOf(stage);
  later.end_ns = 3;
  Merge(merged, later);
  EXPECT_EQ(merged.cgroups.at("/shop").throttled_ns, 70u);
  EXPECT_EQ(merged.cgroups.at("/shop").quota_ns, 20 * kMs);
}

}  // namespace
}  // namespace waitscope
