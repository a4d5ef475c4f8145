#include "cli/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

TEST(Duration, TakesWhatPeopleType) {
  EXPECT_EQ(*ParseDuration("--duration", "10s"), absl::Seconds(10));
  EXPECT_EQ(*ParseDuration("--duration", "500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("--duration", "1.5m"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("--duration", "1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("--duration", "1d"), absl::Hours(24));
}

TEST(Duration, RefusesTheRestAndSaysWhatIsTaken) {
  for (const char* text : {"", "10", "abc", "-1s", "0", "0s", "10parsecs", "inf", "1e400s", "nans",
                           "25h", "99999999999999h", "d"}) {
    const absl::Status status = ParseDuration("--since", text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("--since"));
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("500ms"));
  }
}

TEST(Duration, BecomesSecondsAndNanoseconds) {
  const google::protobuf::Duration proto = ToProto(absl::Milliseconds(1500));
  EXPECT_EQ(proto.seconds(), 1);
  EXPECT_EQ(proto.nanos(), 500'000'000);
}

}  // namespace
}  // namespace waitscope::cli
