#include "agent/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "agent/answers.h"
#include "agent/os/clock.h"
#include "agent/source/memory_source.h"
#include "tests/agent/ticking_source.h"

namespace waitscope {
namespace {

using testing::HasSubstr;

constexpr auto kNever = [] { return false; };

class PipelineTest : public testing::Test {
 protected:
  void SetUp() override { pipeline_.Start(); }

  TickingSource source_;
  SpellingSymbolizer symbolizer_;
  Pipeline pipeline_{source_, symbolizer_, {}};
};

TEST_F(PipelineTest, AMarkClosesAWindowThatEndsAfterTheCall) {
  for (int i = 0; i < 5; ++i) {
    const uint64_t asked_ns = MonotonicNs();
    const auto end_ns = pipeline_.Mark(kNever);
    ASSERT_TRUE(end_ns.ok()) << end_ns.status();
    EXPECT_GE(*end_ns, asked_ns);
  }
}

TEST_F(PipelineTest, StacksArriveNamed) {
  ASSERT_TRUE(pipeline_.Mark(kNever).ok());
  ASSERT_TRUE(pipeline_.Mark(kNever).ok());
  const auto latest = pipeline_.history().Latest();
  ASSERT_TRUE(latest);
  ASSERT_TRUE(latest->stacks.contains(12));
  EXPECT_EQ(latest->stacks.at(12).frames[1].symbol, "function_1002");
}

TEST_F(PipelineTest, SystemCallsAreWantedAsLongAsAnyLeaseLives) {
  auto first = pipeline_.LeaseSyscalls(kNever);
  auto second = pipeline_.LeaseSyscalls(kNever);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(source_.syscalls_wanted());
  first->reset();
  ASSERT_TRUE(pipeline_.Mark(kNever).ok());
  EXPECT_TRUE(source_.syscalls_wanted());
  second->reset();
  // The release reaches the ingest thread between two polls, which a mark need not wait for.
  const uint64_t limit_ns = MonotonicNs() + 10'000 * kMs;
  while (source_.syscalls_wanted() && MonotonicNs() < limit_ns) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(source_.syscalls_wanted());
}

// A thread with a stack that was never delivered, in one window after the other.
TEST(StacklessPipelineTest, AStackThatNeverCameIsAskedForOnce) {
  class Source : public MemorySource {
   public:
    using MemorySource::MemorySource;
    void DeliverStacksAgain() override { ++asked; }
    int asked = 0;
  };
  std::vector<Event> log{TickAt(100 * kMs)};
  Timeline thread(log, 10, 10);
  thread.Stacks(77, 0).BornAt(100 * kMs);
  for (uint64_t end_ms : {200, 300, 400}) {
    thread.BlockAt((end_ms - 50) * kMs).WakeAt((end_ms - 20) * kMs).RunAt((end_ms - 10) * kMs);
    thread.ReadAt(end_ms * kMs);
    log.push_back(TickAt(end_ms * kMs));
  }
  Source source(log);
  SpellingSymbolizer symbolizer;
  Pipeline pipeline(source, symbolizer, {.replay = true});
  pipeline.Start();
  while (!pipeline.Ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(source.asked, 1);
}

TEST_F(PipelineTest, GivingUpEndsAWaitForTheSystemCallPrograms) {
  source_.Hold();
  const auto lease = pipeline_.LeaseSyscalls([] { return true; });
  EXPECT_TRUE(absl::IsCancelled(lease.status()));
  source_.GoOn();
  // What was asked for is undone once it is done.
  ASSERT_TRUE(pipeline_.Mark(kNever).ok());
  ASSERT_TRUE(pipeline_.Mark(kNever).ok());
  EXPECT_FALSE(source_.syscalls_wanted());
}

TEST_F(PipelineTest, ManyWaitForTheirTurnToMergeAndNotLongerThanTheyWant) {
  Answers answers(pipeline_, {});
  ASSERT_TRUE(pipeline_.Mark(kNever).ok());
  auto first = answers.Ask(LastPart{1000 * kMs}, {}, kNever);
  ASSERT_TRUE(first.ok());
  int looks = 0;
  const auto second = answers.Ask(LastPart{1000 * kMs}, {}, [&] { return ++looks > 20; });
  EXPECT_TRUE(absl::IsCancelled(second.status())) << second.status();
  *first = Answer();
  EXPECT_TRUE(answers.Ask(LastPart{1000 * kMs}, {}, kNever).ok());
}

TEST_F(PipelineTest, GivingUpEndsAWaitSoon) {
  const auto begin = std::chrono::steady_clock::now();
  const auto never = pipeline_.WaitForEnd(UINT64_MAX, [] { return true; });
  EXPECT_TRUE(absl::IsCancelled(never.status()));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500));
}

TEST_F(PipelineTest, StoppingEndsWaitsWithAReason) {
  std::thread stopper([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    pipeline_.Stop();
  });
  const auto never = pipeline_.WaitForEnd(UINT64_MAX, kNever);
  stopper.join();
  EXPECT_THAT(std::string(never.status().message()), HasSubstr("stopping"));
}

TEST_F(PipelineTest, AFailedSourceIsToldToWhoeverAsks) {
  source_.FailWith(absl::InternalError("the ring buffer is gone"));
  while (!pipeline_.Ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_THAT(std::string(pipeline_.Mark(kNever).status().message()),
              HasSubstr("the ring buffer is gone"));
  EXPECT_FALSE(pipeline_.EndStatus().ok());
  // What comes after the end still gets an answer.
  EXPECT_TRUE(pipeline_.LeaseSyscalls(kNever).ok());
}

std::vector<Event> ThreeWindows() {
  std::vector<Event> log;
  Timeline thread(log, 10, 10);
  thread.BornAt(100 * kMs).ReadAt(100 * kMs);
  log.push_back(TickAt(100 * kMs));
  for (uint64_t end_ms : {200, 300, 400}) {
    thread.ReadAt(end_ms * kMs);
    log.push_back(TickAt(end_ms * kMs));
  }
  return log;
}

TEST(ReplayedPipelineTest, EveryWindowOfARecordingIsKeptApart) {
  MemorySource source(ThreeWindows());
  SpellingSymbolizer symbolizer;
  Pipeline::Options options;
  options.replay = true;
  Pipeline pipeline(source, symbolizer, options);
  pipeline.Start();
  while (!pipeline.Ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(pipeline.history().Usage().windows, 3u);
}

TEST(ReplayedPipelineTest, TimeFromNowIsTheLastPartOfARecording) {
  MemorySource source(ThreeWindows());
  SpellingSymbolizer symbolizer;
  Pipeline pipeline(source, symbolizer, {});
  Answers answers(pipeline, {.replay = true});
  pipeline.Start();
  while (!pipeline.Ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto answer = answers.Ask(FromNow{200 * kMs}, {}, kNever);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->snapshot.begin_ns, 200 * kMs);
  EXPECT_EQ(answer->snapshot.end_ns, 400 * kMs);
  ASSERT_EQ(answer->notes.size(), 1u);
  EXPECT_THAT(answer->notes[0], HasSubstr("recording"));
}

TEST(ReplayedPipelineTest, MoreHistoryThanThereIsIsAnsweredWithANote) {
  MemorySource source(ThreeWindows());
  SpellingSymbolizer symbolizer;
  Pipeline pipeline(source, symbolizer, {});
  Answers answers(pipeline, {.replay = true});
  pipeline.Start();
  while (!pipeline.Ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto answer = answers.Ask(LastPart{350 * kMs}, {}, kNever);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->snapshot.windows, 3u);
  ASSERT_EQ(answer->notes.size(), 1u);
  EXPECT_THAT(answer->notes[0], HasSubstr("history is shorter than asked for"));
}

// Gives its events, then the error of a log that was cut off.
class CutOffSource : public MemorySource {
 public:
  using MemorySource::MemorySource;
  absl::StatusOr<bool> Poll(absl::FunctionRef<void(const Event&)> fold) override {
    const absl::StatusOr<bool> more = MemorySource::Poll(fold);
    if (more.ok() && !*more) return absl::DataLossError("the log was cut off");
    return more;
  }
};

TEST(ReplayedPipelineTest, TheGoodPartOfACutOffRecordingIsAnsweredWithANote) {
  CutOffSource source(ThreeWindows());
  SpellingSymbolizer symbolizer;
  Pipeline pipeline(source, symbolizer, {.replay = true});
  Answers answers(pipeline, {.replay = true});
  pipeline.Start();
  while (!pipeline.Ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto answer = answers.Ask(LastPart{300 * kMs}, {}, kNever);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->snapshot.windows, 3u);
  ASSERT_EQ(answer->notes.size(), 1u);
  EXPECT_THAT(answer->notes[0], HasSubstr("the log was cut off"));
}

}  // namespace
}  // namespace waitscope
