#include "agent/answers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/os/clock.h"
#include "agent/recording.h"

namespace waitscope {
namespace {

// Windows close when they close: a difference this small is not worth a sentence.
constexpr uint64_t kTolerance = 20;  // one part in twenty
// A merged hour of a busy machine may take hundreds of megabytes.
constexpr int kMergesAtOnce = 1;
constexpr int kMergesWaiting = 32;

std::string Seconds(uint64_t duration_ns) {
  return absl::StrFormat("%.1f s", static_cast<double>(duration_ns) / 1e9);
}

absl::Status NothingYet() {
  return absl::FailedPreconditionError(
      "no window has closed in that time yet; ask again in a second");
}

}  // namespace

Answers::Answers(Pipeline& pipeline, Options options)
    : pipeline_(pipeline),
      options_(std::move(options)),
      started_ns_(MonotonicNs()),
      merges_(kMergesAtOnce, kMergesWaiting) {}

absl::StatusOr<Answer> Answers::Ask(const TimeAsked& time, const Target& target, GiveUp give_up) {
  absl::StatusOr<Answer> answer =
      std::visit([&](const auto& asked) { return Resolve(asked, target, give_up); }, time);
  const absl::Status ended = pipeline_.EndStatus();
  if (answer.ok()) answer->findings = FindingsOf(answer->snapshot);
  if (answer.ok() && options_.replay && !ended.ok()) {
    answer->notes.push_back(
        absl::StrCat("only the good part of the recording is shown: ", ended.message()));
  }
  return answer;
}

// Of the processes that the answer is about, in its time.
Findings Answers::FindingsOf(const Snapshot& snapshot) const {
  Findings findings = pipeline_.diagnosis().log().Between(snapshot.begin_ns, snapshot.end_ns);
  std::erase_if(findings, [&](const Finding& finding) {
    const auto thread = snapshot.threads.lower_bound(ThreadKey{finding.pid, 0, 0});
    return thread == snapshot.threads.end() || thread->first.pid != finding.pid;
  });
  return findings;
}

absl::StatusOr<uint64_t> Answers::Mark(GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  const History& history = pipeline_.history();
  history.PinForLater(*end_ns);
  const std::optional<uint64_t> wall_clock_ns = history.WallClockAt(*end_ns);
  if (!wall_clock_ns) return NothingYet();
  return *wall_clock_ns;
}

absl::StatusOr<Answer> Answers::Between(uint64_t begin_ns, uint64_t end_ns, const Target& target,
                                        GiveUp give_up) {
  const History& history = pipeline_.history();
  const std::shared_ptr<void> pins[] = {history.Pin(begin_ns), history.Pin(end_ns)};
  absl::StatusOr<std::shared_ptr<void>> turn = merges_.Take(give_up);
  if (!turn.ok()) return turn.status();
  absl::StatusOr<std::optional<Snapshot>> merged =
      history.Merged(begin_ns, end_ns, target, give_up);
  if (!merged.ok()) return merged.status();
  std::optional<Snapshot> snapshot = *std::move(merged);
  if (!snapshot) return NothingYet();
  Answer answer;
  answer.turn = *std::move(turn);
  const uint64_t missing_ns = snapshot->begin_ns > begin_ns ? snapshot->begin_ns - begin_ns : 0;
  if (missing_ns > (end_ns - begin_ns) / kTolerance) {
    answer.notes.push_back(absl::StrCat("history is shorter than asked for: this covers the last ",
                                        Seconds(end_ns - snapshot->begin_ns), " of ",
                                        Seconds(end_ns - begin_ns)));
  }
  answer.snapshot = *std::move(snapshot);
  return answer;
}

absl::StatusOr<Answer> Answers::Resolve(const LatestWindow&, const Target& target, GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.WaitForEnd(1, give_up);
  if (!end_ns.ok()) return end_ns.status();
  return Latest(target);
}

absl::StatusOr<Answer> Answers::Latest(const Target& target) const {
  std::optional<Snapshot> latest = pipeline_.history().Latest();
  if (!latest) return NothingYet();
  if (!target.Everything()) latest = Select(*latest, target);
  Answer answer;
  answer.snapshot = *std::move(latest);
  return answer;
}

absl::StatusOr<Answer> Answers::Resolve(const FromNow& asked, const Target& target,
                                        GiveUp give_up) {
  if (pipeline_.Ended()) {
    absl::StatusOr<Answer> answer = Resolve(LastPart{asked.duration_ns}, target, give_up);
    if (answer.ok()) {
      answer->notes.push_back("this is a recording: its last part is shown, not time from now");
    }
    return answer;
  }
  const absl::StatusOr<uint64_t> begin_ns = pipeline_.Mark(give_up);
  if (!begin_ns.ok()) return begin_ns.status();
  const std::shared_ptr<void> pin = pipeline_.history().Pin(*begin_ns);
  const absl::Status passed = pipeline_.SleepUntil(*begin_ns + asked.duration_ns, give_up);
  if (!passed.ok()) return passed;
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  return Between(*begin_ns, *end_ns, target, give_up);
}

absl::StatusOr<Answer> Answers::Resolve(const LastPart& asked, const Target& target,
                                        GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  return Between(*end_ns - std::min(*end_ns, asked.duration_ns), *end_ns, target, give_up);
}

// The mark's own window says it exactly; else the offset of the two clocks now is good enough.
uint64_t Answers::OnOurClock(uint64_t wall_clock_ns) const {
  const History& history = pipeline_.history();
  if (const auto end_ns = history.EndAtWallClock(wall_clock_ns)) return *end_ns;
  const HistoryUsage usage = history.Usage();
  if (usage.wall_clock_end_ns < wall_clock_ns) return usage.end_ns;
  const uint64_t ago_ns = usage.wall_clock_end_ns - wall_clock_ns;
  return usage.end_ns - std::min(usage.end_ns, ago_ns);
}

absl::StatusOr<Answer> Answers::Resolve(const SinceMark& asked, const Target& target,
                                        GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  return Between(OnOurClock(asked.wall_clock_ns), *end_ns, target, give_up);
}

absl::StatusOr<Answer> Answers::NextWindow(uint64_t after_ns, const Target& target,
                                           GiveUp give_up) {
  const absl::StatusOr<uint64_t> end_ns = pipeline_.WaitForEnd(after_ns + 1, give_up);
  if (!end_ns.ok()) return end_ns.status();
  if (*end_ns <= after_ns) return absl::OutOfRangeError("no more windows will come");
  return Latest(target);
}

absl::StatusOr<Answer> Answers::Resolve(const Following& asked, const Target& target,
                                        GiveUp give_up) {
  if (asked.interval_ns == 0 || pipeline_.Ended()) {
    return NextWindow(asked.after_ns, target, give_up);
  }
  uint64_t begin_ns = asked.after_ns;
  if (begin_ns == 0) {
    const absl::StatusOr<uint64_t> mark_ns = pipeline_.Mark(give_up);
    if (!mark_ns.ok()) return mark_ns.status();
    begin_ns = *mark_ns;
  }
  const std::shared_ptr<void> pin = pipeline_.history().Pin(begin_ns);
  const absl::Status passed = pipeline_.SleepUntil(begin_ns + asked.interval_ns, give_up);
  if (!passed.ok()) return passed;
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  // A reader that was away for longer gets the latest interval, not all it has missed.
  if (*end_ns > begin_ns + 2 * asked.interval_ns) begin_ns = *end_ns - asked.interval_ns;
  return Between(begin_ns, *end_ns, target, give_up);
}

// Shares of a long stretch would hide what lasted for a part of it: each part is judged by itself.
absl::StatusOr<Findings> Answers::FindingsBetween(uint64_t begin_ns, uint64_t end_ns,
                                                  const Target& target, GiveUp give_up) const {
  Findings found;
  for (uint64_t part_ns = begin_ns; part_ns < end_ns; part_ns += kDiagnosedNs) {
    const uint64_t rest_ns = end_ns - part_ns;
    const uint64_t until_ns = rest_ns < 2 * kDiagnosedNs ? end_ns : part_ns + kDiagnosedNs;
    const absl::StatusOr<std::optional<Snapshot>> part =
        pipeline_.history().Merged(part_ns, until_ns, Target(), give_up);
    if (!part.ok()) return part.status();
    if (*part) KeepFindings(DiagnoseTarget(**part, target), found);
    if (until_ns == end_ns) break;
  }
  return found;
}

absl::StatusOr<Answer> Answers::Diagnose(const TimeAsked& time, const Target& target,
                                         GiveUp give_up) {
  const bool from_now = std::holds_alternative<FromNow>(time) && !options_.replay;
  absl::StatusOr<std::shared_ptr<void>> lease = std::shared_ptr<void>();
  absl::StatusOr<std::shared_ptr<void>> locks = std::shared_ptr<void>();
  if (from_now) lease = LeaseSyscalls(give_up);
  if (from_now) locks = LeaseKernelLocks(give_up);
  const bool latest = std::holds_alternative<LatestWindow>(time);
  absl::StatusOr<Answer> answer = Ask(latest ? LastPart{kDiagnosedNs} : time, Target(), give_up);
  if (!answer.ok()) return answer;
  if (!lease.ok()) {
    answer->notes.push_back(
        absl::StrCat("event loops are known by their waits only: ", lease.status().message()));
  }
  const Snapshot& whole = answer->snapshot;
  absl::StatusOr<Findings> findings =
      FindingsBetween(whole.begin_ns, whole.end_ns, target, give_up);
  if (!findings.ok()) return findings.status();
  answer->findings = *std::move(findings);
  for (Finding& finding : answer->findings) finding.lasting = finding.end_ns == whole.end_ns;
  pipeline_.diagnosis().log().Date(answer->findings);
  return answer;
}

absl::Status Answers::Record(const RecordAsked& asked, WriteChunk write, GiveUp give_up) {
  if (options_.replay) {
    return absl::FailedPreconditionError("this agent replays a recording: copy its file instead");
  }
  const auto locks = LeaseKernelLocks(give_up);
  if (!locks.ok()) return locks.status();
  const std::optional<Snapshot> latest = pipeline_.history().Latest();
  Recording recording(pipeline_, RecordFilter(asked.target, latest.value_or(Snapshot())));
  return recording.Run(asked.duration_ns, write, give_up);
}

absl::StatusOr<std::shared_ptr<void>> Answers::LeaseSyscalls(GiveUp give_up) {
  return pipeline_.LeaseSyscalls(give_up);
}

absl::StatusOr<std::shared_ptr<void>> Answers::LeaseKernelLocks(GiveUp give_up) {
  return pipeline_.LeaseKernelLocks(give_up);
}

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
  status.findings = pipeline_.diagnosis().log().Between(usage.begin_ns, usage.end_ns);
  status.diagnoses = pipeline_.diagnosis().cost().looks;
  status.diagnosis_cpu_ns = pipeline_.diagnosis().cost().cpu_ns;
  if (options_.capabilities) status.capabilities = options_.capabilities();
  if (options_.programs) status.programs = options_.programs();
  return status;
}

}  // namespace waitscope
