#include "agent/source/online_cpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace waitscope {
namespace {

using testing::ElementsAre;

TEST(OnlineCpus, AListIsReadAsTheKernelWritesIt) {
  EXPECT_EQ(ParseCpuList("0\n"), CpuSet({0}));
  EXPECT_EQ(ParseCpuList("0-3,8,10-11\n"), CpuSet({0, 1, 2, 3, 8, 10, 11}));
}

TEST(OnlineCpus, WhatIsNoListIsNone) {
  for (const char* text : {"", "\n", "0-", "-1", "3-1", "a", "0,,1", "0-99999999"}) {
    EXPECT_EQ(ParseCpuList(text), std::nullopt) << text;
  }
}

TEST(OnlineCpus, ThisMachineHasOne) { EXPECT_FALSE(OnlineCpus().empty()); }

// What happens to the events of a machine whose CPUs come and go.
class Followed : public testing::Test {
 protected:
  struct Event {
    std::vector<std::string>* log;
    int cpu;
    Event(std::vector<std::string>* log, int cpu) : log(log), cpu(cpu) {}
    Event(Event&& other) noexcept : log(std::exchange(other.log, nullptr)), cpu(other.cpu) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    Event& operator=(Event&&) = delete;
    ~Event() {
      if (log != nullptr) log->push_back("close " + std::to_string(cpu));
    }
  };

  absl::Status Follow(const CpuSet& online) {
    return events_.Follow(online, [this](int cpu) -> absl::StatusOr<std::optional<Event>> {
      if (cpu == refused_) return absl::UnavailableError("refused");
      if (cpu == gone_) return std::nullopt;
      log_.push_back("open " + std::to_string(cpu));
      return Event(&log_, cpu);
    });
  }
  std::vector<std::string> Log() { return std::exchange(log_, {}); }

  std::vector<std::string> log_;
  int refused_ = -1;
  int gone_ = -1;
  PerCpu<Event> events_;
};

TEST_F(Followed, ACpuThatComesIsOpenedAndOneThatGoesIsClosed) {
  ASSERT_TRUE(Follow({0, 1}).ok());
  EXPECT_THAT(Log(), ElementsAre("open 0", "open 1"));
  ASSERT_TRUE(Follow({0}).ok());
  EXPECT_THAT(Log(), ElementsAre("close 1"));
  ASSERT_TRUE(Follow({0, 1, 2}).ok());
  EXPECT_THAT(Log(), ElementsAre("open 1", "open 2"));
  ASSERT_TRUE(Follow({0, 1, 2}).ok());
  EXPECT_THAT(Log(), ElementsAre());
}

TEST_F(Followed, ACpuThatWentMeanwhileIsLookedAtAgain) {
  gone_ = 1;
  ASSERT_TRUE(Follow({0, 1}).ok());
  gone_ = -1;
  Log();
  ASSERT_TRUE(Follow({0, 1}).ok());
  EXPECT_THAT(Log(), ElementsAre("open 1"));
}

TEST_F(Followed, OneThatIsRefusedKeepsNoOtherFromBeingOpened) {
  refused_ = 0;
  EXPECT_EQ(Follow({0, 1, 2}).message(), "refused");
  EXPECT_THAT(Log(), ElementsAre("open 1", "open 2"));
}

}  // namespace
}  // namespace waitscope
