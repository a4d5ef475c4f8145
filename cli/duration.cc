#include "cli/duration.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace waitscope::cli {
namespace {

constexpr absl::Duration kLongest = absl::Hours(24);

// absl::ParseDuration knows no days, and calls "1d" an error.
bool ParseWithDays(absl::string_view text, absl::Duration* duration) {
  double days = 0;
  if (absl::EndsWith(text, "d") && absl::SimpleAtod(text.substr(0, text.size() - 1), &days)) {
    *duration = days * absl::Hours(24);
    return true;
  }
  return absl::ParseDuration(text, duration);
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text) {
  absl::Duration duration;
  if (!ParseWithDays(text, &duration) || !(duration > absl::ZeroDuration()) ||
      duration > kLongest) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " \"", text,
                     "\" is not a duration: give a positive number with a "
                     "unit, at most 24h: 500ms, 10s, 2m, 1h30m"));
  }
  return duration;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

}  // namespace waitscope::cli
