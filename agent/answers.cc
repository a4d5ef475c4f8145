#include "agent/answers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/recording.h"

namespace waitscope {
namespace {

// Windows close when they close: a difference this small is not worth a sentence.
constexpr uint64_t kTolerance = 20;  // one part in twenty

std::string Seconds(uint64_t duration_ns) {
  return absl::StrFormat("%.1f s", static_cast<double>(duration_ns) / 1e9);
}

absl::Status NothingYet() {
  return absl::FailedPreconditionError(
      "no window has closed in that time yet; ask again in a second");
}

}  // namespace

Answers::Answers(Pipeline& pipeline, Options options)
    : pipeline_(pipeline), options_(std::move(options)), started_ns_(MonotonicNs()) {}

absl::StatusOr<Answer> Answers::Ask(const TimeAsked& time, GiveUp give_up) {
  absl::StatusOr<Answer> answer =
      std::visit([&](const auto& asked) { return Resolve(asked, give_up); }, time);
  const absl::Status ended = pipeline_.EndStatus();
  if (answer.ok() && options_.replay && !ended.ok()) {
    answer->notes.push_back(
        absl::StrCat("only the good part of the recording is shown: ", ended.message()));
  }
  return answer;
}

absl::StatusOr<uint64_t> Answers::Mark(GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  const absl::StatusOr<Answer> window = Between(*end_ns - 1, *end_ns);
  if (!window.ok()) return window.status();
  return window->snapshot.wall_clock_end_ns;
}

absl::StatusOr<Answer> Answers::Between(uint64_t begin_ns, uint64_t end_ns) const {
  std::optional<Snapshot> snapshot = pipeline_.history().Merged(begin_ns, end_ns);
  if (!snapshot) return NothingYet();
  Answer answer;
  const uint64_t missing_ns = snapshot->begin_ns > begin_ns ? snapshot->begin_ns - begin_ns : 0;
  if (missing_ns > (end_ns - begin_ns) / kTolerance) {
    answer.notes.push_back(absl::StrCat("history is shorter than asked for: this covers the last ",
                                        Seconds(end_ns - snapshot->begin_ns), " of ",
                                        Seconds(end_ns - begin_ns)));
  }
  answer.snapshot = *std::move(snapshot);
  return answer;
}

absl::StatusOr<Answer> Answers::Resolve(const LatestWindow&, GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.WaitForEnd(1, give_up);
  if (!end_ns.ok()) return end_ns.status();
  std::optional<Snapshot> latest = pipeline_.history().Latest();
  if (!latest) return NothingYet();
  return Answer{*std::move(latest), {}};
}

absl::StatusOr<Answer> Answers::Resolve(const FromNow& asked, GiveUp give_up) {
  if (pipeline_.Ended()) {
    absl::StatusOr<Answer> answer = Resolve(LastPart{asked.duration_ns}, give_up);
    if (answer.ok()) {
      answer->notes.push_back("this is a recording: its last part is shown, not time from now");
    }
    return answer;
  }
  const absl::StatusOr<uint64_t> begin_ns = pipeline_.Mark(give_up);
  if (!begin_ns.ok()) return begin_ns.status();
  const absl::Status passed = pipeline_.SleepUntil(*begin_ns + asked.duration_ns, give_up);
  if (!passed.ok()) return passed;
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  return Between(*begin_ns, *end_ns);
}

absl::StatusOr<Answer> Answers::Resolve(const LastPart& asked, GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  return Between(*end_ns - std::min(*end_ns, asked.duration_ns), *end_ns);
}

// The mark's own window says it exactly; else the offset of the two clocks now is good enough.
uint64_t Answers::OnOurClock(uint64_t wall_clock_ns) const {
  const History& history = pipeline_.history();
  if (const auto end_ns = history.EndAtWallClock(wall_clock_ns)) return *end_ns;
  const std::optional<Snapshot> latest = history.Latest();
  if (!latest || latest->wall_clock_end_ns < wall_clock_ns) return latest ? latest->end_ns : 0;
  const uint64_t ago_ns = latest->wall_clock_end_ns - wall_clock_ns;
  return latest->end_ns - std::min(latest->end_ns, ago_ns);
}

absl::StatusOr<Answer> Answers::Resolve(const SinceMark& asked, GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  return Between(OnOurClock(asked.wall_clock_ns), *end_ns);
}

absl::StatusOr<Answer> Answers::NextWindow(uint64_t after_ns, GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.WaitForEnd(after_ns + 1, give_up);
  if (!end_ns.ok()) return end_ns.status();
  std::optional<Snapshot> latest = pipeline_.history().Latest();
  if (!latest) return NothingYet();
  if (latest->end_ns <= after_ns) return absl::OutOfRangeError("no more windows will come");
  return Answer{*std::move(latest), {}};
}

absl::StatusOr<Answer> Answers::Resolve(const Following& asked, GiveUp give_up) {
  if (asked.interval_ns == 0 || pipeline_.Ended()) return NextWindow(asked.after_ns, give_up);
  uint64_t begin_ns = asked.after_ns;
  if (begin_ns == 0) {
    const absl::StatusOr<uint64_t> mark_ns = pipeline_.Mark(give_up);
    if (!mark_ns.ok()) return mark_ns.status();
    begin_ns = *mark_ns;
  }
  const absl::Status passed = pipeline_.SleepUntil(begin_ns + asked.interval_ns, give_up);
  if (!passed.ok()) return passed;
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  // A reader that was away for longer gets the latest interval, not all it has missed.
  if (*end_ns > begin_ns + 2 * asked.interval_ns) begin_ns = *end_ns - asked.interval_ns;
  return Between(begin_ns, *end_ns);
}

absl::Status Answers::Record(const RecordAsked& asked, WriteChunk write, GiveUp give_up) {
  if (options_.replay) {
    return absl::FailedPreconditionError("this agent replays a recording: copy its file instead");
  }
  const std::optional<Snapshot> latest = pipeline_.history().Latest();
  Recording recording(pipeline_, RecordFilter(asked.target, latest.value_or(Snapshot())));
  return recording.Run(asked.duration_ns, write, give_up);
}

absl::StatusOr<std::shared_ptr<void>> Answers::LeaseSyscalls() { return pipeline_.LeaseSyscalls(); }

AgentStatus Answers::Status() {
  const HistoryUsage usage = pipeline_.history().Usage();
  AgentStatus status;
  status.up_ns = MonotonicNs() - started_ns_;
  status.window_ns = options_.window_ns;
  status.history_windows = usage.windows;
  status.history_bytes = usage.bytes;
  status.history_limit_bytes = options_.history_limit_bytes;
  status.history_begin_wall_clock_ns = usage.wall_clock_begin_ns;
  status.replay = options_.replay;
  if (options_.capabilities) status.capabilities = options_.capabilities();
  if (options_.programs) status.programs = options_.programs();
  return status;
}

}  // namespace waitscope
