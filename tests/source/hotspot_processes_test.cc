#include "agent/source/hotspot_processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/java/made_hotspot.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr uint32_t kPid = 4711;
constexpr uint64_t kSecond = 1'000'000'000;

// The one process of these tests.
MadeHotSpot* made = nullptr;

ReadMemory MadeMemoryOf(uint32_t /*pid*/) {
  return [](uint64_t address, std::span<uint8_t> into) { return made->reader()(address, into); };
}

class HotSpotStart : public testing::Test {
 protected:
  void SetUp() override { made = &jvm_; }
  void TearDown() override { made = nullptr; }

  MadeHotSpot jvm_;
  std::vector<std::pair<uint32_t, bool>> published_;  // and whether it was given up
  HotSpotProcesses processes_{[this](uint32_t pid, const hotspot_code* code) {
                                published_.emplace_back(pid, code != nullptr);
                              },
                              MadeMemoryOf};
};

TEST_F(HotSpotStart, IsPublishedAsSoonAsTheVmIsUp) {
  processes_.Note(kPid, jvm_.Publish(), 0);
  EXPECT_EQ(processes_.patience_ms(0), 0);
  processes_.Try(0);
  EXPECT_THAT(published_, ElementsAre(Pair(kPid, true)));
  ASSERT_TRUE(processes_.Find(kPid));
  EXPECT_EQ(processes_.Find(kPid)->code.block_header, 16u);
  EXPECT_EQ(processes_.patience_ms(0), -1) << "there is nothing left to wait for";
}

TEST_F(HotSpotStart, IsTriedAgainUntilTheVmIsUp) {
  const VmStructsAt at = jvm_.Publish();
  jvm_.IsNotUp("AbstractInterpreter::_code");
  processes_.Note(kPid, at, 0);
  processes_.Try(0);
  EXPECT_THAT(published_, ElementsAre());
  EXPECT_GT(processes_.patience_ms(0), 0);
  processes_.Try(1);
  EXPECT_FALSE(processes_.Find(kPid)) << "it is not its turn";
  jvm_.IsUp("AbstractInterpreter::_code");
  processes_.Try(kSecond);
  EXPECT_TRUE(processes_.Find(kPid));
}

TEST_F(HotSpotStart, IsGivenUpInTheEnd) {
  processes_.Note(kPid, VmStructsAt{}, 0);
  uint64_t now = 0;
  for (int i = 0; i < 30; ++i) processes_.Try(now += 60 * kSecond);
  EXPECT_EQ(processes_.patience_ms(now), -1);
  EXPECT_FALSE(processes_.Find(kPid));
}

TEST_F(HotSpotStart, IsForgottenWithTheProgramThatRanIt) {
  processes_.Note(kPid, jvm_.Publish(), 0);
  processes_.Try(0);
  processes_.Note(kPid, std::nullopt, 1);
  EXPECT_FALSE(processes_.Find(kPid));
  EXPECT_THAT(published_, ElementsAre(Pair(kPid, true), Pair(kPid, false)));
}

TEST_F(HotSpotStart, IsNotReadTwice) {
  const VmStructsAt at = jvm_.Publish();
  for (int i = 0; i < 3; ++i) {
    processes_.Note(kPid, at, 0);
    processes_.Try(0);
  }
  EXPECT_EQ(published_.size(), 1u);
}

}  // namespace
}  // namespace waitscope
