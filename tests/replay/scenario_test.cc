#include "tests/replay/scenario.h"

#include <gmock/gmock.h>

#include <sstream>

namespace waitscope {
namespace {

using testing::HasSubstr;

absl::Status StatusOf(const std::string& text) {
  std::istringstream in(text);
  return ReadScenario(in).status();
}

TEST(Scenario, ErrorsNameTheLine) {
  EXPECT_THAT(StatusOf("\n5ms A runs\n").ToString(), HasSubstr("line 2: unknown thread A"));
  EXPECT_THAT(StatusOf("thread A 1/2 a\n1ms A jumps").ToString(), HasSubstr("verb jumps"));
  EXPECT_THAT(StatusOf("thread A 1/2 a\n1ms A blocks on").ToString(), HasSubstr("class on"));
  EXPECT_THAT(StatusOf("5parsecs tick").ToString(), HasSubstr("time 5parsecs"));
}

TEST(Scenario, RecordsComeInTheOrderOfTheLines) {
  std::istringstream in(
      "thread A 1/2 a  # a comment\n"
      "0ms tick\n0ms A born\n1ms A blocks disk\n2ms A wakes\n3ms A runs\n4ms A read\n");
  const auto scenario = ReadScenario(in);
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  ASSERT_EQ(scenario->events.size(), 3u);
  EXPECT_EQ(std::get<wait_event>(scenario->events[1]).on_ns, 3'000'000u);
  EXPECT_EQ(std::get<ledger_event>(scenario->events[2]).at_ns, 4'000'000u);
}

}  // namespace
}  // namespace waitscope
