#include "agent/core/sides.h"

#include <gmock/gmock.h>

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr uint32_t kPid = 10;
constexpr SidesKey kPoll{kPid, 4};

sides_event Told(uint64_t at_ns, uint32_t sides) {
  sides_event event{};
  event.pid = kPoll.pid;
  event.epoll = kPoll.epoll;
  event.at_ns = at_ns;
  event.sides = sides;
  return event;
}

Snapshot Close(SidesStage& stage, bool alive = true) {
  Snapshot snapshot;
  if (alive) snapshot.threads[{kPid, kPid, 1}] = {};
  stage.Close(snapshot);
  return snapshot;
}

TEST(Sides, WhatWasToldHoldsUntilSomethingElseIs) {
  SidesStage stage;
  stage.Fold(Told(1, SIDE_listens));
  EXPECT_THAT(Close(stage).sides, ElementsAre(Pair(kPoll, SIDE_listens)));
  EXPECT_THAT(Close(stage).sides, ElementsAre(Pair(kPoll, SIDE_listens)));
  stage.Fold(Told(3, SIDE_asked));
  EXPECT_THAT(Close(stage).sides, ElementsAre(Pair(kPoll, SIDE_asked)));
}

TEST(Sides, TheOrderOfRecordsDoesNotMatter) {
  SidesStage stage;
  stage.Fold(Told(3, SIDE_asked));
  stage.Fold(Told(1, SIDE_listens));
  EXPECT_THAT(Close(stage).sides, ElementsAre(Pair(kPoll, SIDE_asked)));
}

TEST(Sides, AProcessThatIsGoneIsForgotten) {
  SidesStage stage;
  stage.Fold(Told(1, SIDE_listens));
  EXPECT_THAT(Close(stage, false).sides, IsEmpty());
  EXPECT_THAT(Close(stage).sides, IsEmpty());
}

TEST(Sides, ARecordingThatBeginsLaterKnowsThemToo) {
  SidesStage stage;
  stage.Fold(Told(1, SIDE_listens));
  Close(stage);
  SidesStage later;
  stage.Baseline([&](const Event& event) { later.Fold(std::get<sides_event>(event)); });
  EXPECT_THAT(Close(later).sides, ElementsAre(Pair(kPoll, SIDE_listens)));
}

TEST(Sides, WindowsTogetherHaveTheSidesOfEither) {
  Snapshot first;
  first.sides[kPoll] = SIDE_listens;
  Snapshot second;
  second.begin_ns = second.end_ns = 1;
  second.sides[kPoll] = SIDE_asked;
  Merge(first, second);
  EXPECT_THAT(first.sides, ElementsAre(Pair(kPoll, SIDE_listens | SIDE_asked)));
}

}  // namespace
}  // namespace waitscope
