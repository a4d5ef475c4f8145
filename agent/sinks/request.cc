#include "agent/sinks/request.h"

#include <google/protobuf/util/time_util.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int64_t kLongestSeconds = 86'400;
constexpr int64_t kLatestSeconds = 9'000'000'000;  // in nanoseconds they fit in 64 bits

bool InProc(uint32_t id) { return access(absl::StrCat("/proc/", id).c_str(), F_OK) == 0; }

absl::Status Nowhere(const char* what, uint32_t id, bool live) {
  const std::string where =
      live ? "it did not run in this time, and there is none now; check the number, or widen the "
             "time with --since"
           : "the recording does not have it";
  return absl::NotFoundError(absl::StrCat("no ", what, " ", id, ": ", where));
}

}  // namespace

Target DecodeTarget(const v1::Target& target) {
  Target out;
  out.pids.assign(target.pids().begin(), target.pids().end());
  out.tids.assign(target.tids().begin(), target.tids().end());
  out.comms.assign(target.comms().begin(), target.comms().end());
  out.cgroups.assign(target.cgroups().begin(), target.cgroups().end());
  out.containers.assign(target.containers().begin(), target.containers().end());
  out.descendants = target.descendants();
  return out;
}

absl::StatusOr<uint64_t> DecodeDuration(const google::protobuf::Duration& duration,
                                        const char* what) {
  if (duration.seconds() > kLongestSeconds) {
    return absl::InvalidArgumentError(absl::StrCat(what, " must be at most 24h"));
  }
  const bool negative = duration.seconds() < 0 || duration.nanos() < 0;
  const int64_t ns = negative ? 0 : TimeUtil::DurationToNanoseconds(duration);
  if (ns > 0) return static_cast<uint64_t>(ns);
  return absl::InvalidArgumentError(
      absl::StrCat(what, " must be longer than zero: write 500ms, 10s or 2m"));
}

absl::StatusOr<TimeAsked> DecodeTime(const v1::TimeRange& range) {
  switch (range.range_case()) {
    case v1::TimeRange::kDuration: {
      const absl::StatusOr<uint64_t> ns = DecodeDuration(range.duration(), "duration");
      if (!ns.ok()) return ns.status();
      return FromNow{*ns};
    }
    case v1::TimeRange::kSince: {
      const absl::StatusOr<uint64_t> ns = DecodeDuration(range.since(), "since");
      if (!ns.ok()) return ns.status();
      return LastPart{*ns};
    }
    case v1::TimeRange::kBegin:
      if (range.begin().seconds() <= 0 || range.begin().seconds() > kLatestSeconds) {
        return absl::InvalidArgumentError("begin must be a time that Mark has answered");
      }
      return SinceMark{static_cast<uint64_t>(TimeUtil::TimestampToNanoseconds(range.begin()))};
    case v1::TimeRange::RANGE_NOT_SET:
      break;
  }
  return LatestWindow{};
}

absl::Status CheckExists(const Target& target, const Snapshot& seen, bool live) {
  for (const uint32_t pid : target.pids) {
    const auto thread = seen.threads.lower_bound(ThreadKey{pid, 0, 0});
    const bool was_seen = thread != seen.threads.end() && thread->first.pid == pid;
    if (!was_seen && !(live && InProc(pid))) return Nowhere("process", pid, live);
  }
  for (const uint32_t tid : target.tids) {
    const bool was_seen =
        std::ranges::any_of(seen.threads, [&](const auto& row) { return row.first.tid == tid; });
    if (!was_seen && !(live && InProc(tid))) return Nowhere("thread", tid, live);
  }
  return absl::OkStatus();
}

}  // namespace waitscope
