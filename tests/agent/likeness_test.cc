#include "agent/likeness.h"

#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

class LikenessTest : public testing::Test {
 protected:
  static MadeMachine Sleeping(uint64_t ns) {
    MadeMachine machine;
    Add(machine, 10, WAIT_sleep, ns);
    return machine;
  }
  static void Add(MadeMachine& machine, uint32_t pid, wait_class cls, uint64_t ns) {
    machine.AddWait(machine.AddThread(pid, pid, "worker"), {.cls = cls, .ns = ns, .count = 1});
  }
  static bool AreAlike(MadeMachine& a, MadeMachine& b) {
    const bool alike = Likeness(a.snapshot()).IsLike(Likeness(b.snapshot()));
    EXPECT_EQ(alike, Likeness(b.snapshot()).IsLike(Likeness(a.snapshot())));
    return alike;
  }

  MadeMachine before_ = Sleeping(4 * kSecond);
};

TEST_F(LikenessTest, AboutTheSameTotalsAreAlike) {
  MadeMachine after = Sleeping(4300 * kMillisecond);
  EXPECT_TRUE(AreAlike(before_, after));
}

TEST_F(LikenessTest, OtherTotalsAreNot) {
  MadeMachine after = Sleeping(5 * kSecond);
  EXPECT_FALSE(AreAlike(before_, after));
}

TEST_F(LikenessTest, TheSameTimeAtSomethingElseIsNotAlike) {
  MadeMachine after;
  Add(after, 10, WAIT_lock, 4 * kSecond);
  EXPECT_FALSE(AreAlike(before_, after));
}

TEST_F(LikenessTest, ALoopHeldUpForATwentiethOfTheTimeIsNotAlike) {
  MadeMachine after = Sleeping(4 * kSecond);
  Add(after, 20, WAIT_disk, kWindow / 20);
  EXPECT_FALSE(AreAlike(before_, after));
}

TEST_F(LikenessTest, ProcessesThatOnlyPollComeAndGoUnnoticed) {
  MadeMachine after = Sleeping(4 * kSecond);
  Add(after, 20, WAIT_poll, kWindow);
  EXPECT_TRUE(AreAlike(before_, after));
}

TEST_F(LikenessTest, AProcessThatIsGoneIsNoticed) {
  MadeMachine after;
  EXPECT_FALSE(AreAlike(before_, after));
}

}  // namespace
}  // namespace waitscope
