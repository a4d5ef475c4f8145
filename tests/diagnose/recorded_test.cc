// Recorded lab programs: what diagnose says of each when it is replayed, and that a recording says
// what the agent said when it was made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "agent/core/refine.h"
#include "agent/core/target.h"
#include "agent/core/window_builder.h"
#include "agent/core/wire_text.h"
#include "agent/diagnose/diagnose.h"
#include "agent/record_tap.h"
#include "agent/source/event_codec.h"
#include "agent/source/log_reader.h"
#include "agent/source/replay_source.h"

namespace waitscope {
namespace {

namespace fs = std::filesystem;
using testing::Contains;

constexpr uintmax_t kLogBytes = 256 << 10;
constexpr uintmax_t kAllLogsBytes = 3 << 20;
constexpr size_t kWindowsBeforeRecording = 2;

// A row of logs/truth.txt: NAME --pid PID CONDITION,...|healthy
struct Program {
  std::string name;
  Target target;
  std::set<std::string> conditions;  // one of them is to be told; none: healthy

  friend void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

  fs::path Log() const { return fs::path(WAITSCOPE_LOGS) / (name + ".wslog"); }
  fs::path Golden() const { return fs::path(WAITSCOPE_LOGS) / (name + ".golden"); }
};

Program ProgramOf(const std::string& row) {
  const std::vector<std::string> words = absl::StrSplit(row, ' ', absl::SkipEmpty());
  EXPECT_EQ(words.size(), 4u) << row;
  Program program{.name = words[0]};
  uint32_t pid = 0;
  if (words[1] == "--pid" && absl::SimpleAtoi(words[2], &pid)) program.target.pids = {pid};
  if (words[1] == "--comm") program.target.comms = {words[2]};
  EXPECT_FALSE(program.target.Everything()) << row;
  if (words[3] != "healthy") {
    program.conditions = absl::StrSplit(words[3], ',');
  }
  return program;
}

std::vector<Program> Programs() {
  std::ifstream in(fs::path(WAITSCOPE_LOGS) / "truth.txt");
  std::vector<Program> programs;
  for (std::string row; std::getline(in, row);) programs.push_back(ProgramOf(row));
  return programs;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<Event> EventsIn(ReplaySource& log) {
  std::vector<Event> events;
  for (bool more = true; more;) {
    const auto polled = log.Poll([&](const Event& event) { events.push_back(event); });
    EXPECT_TRUE(polled.ok()) << polled.status();
    more = polled.ok() && *polled;
  }
  return events;
}

Findings FindingsOf(const Snapshot& whole, const Target& target) {
  std::set<uint32_t> pids;
  for (const auto& [key, thread] : Select(whole, target).threads) pids.insert(key.pid);
  return Diagnose(whole, [&](uint32_t pid) { return pids.contains(pid); });
}

// As the agent does: closes windows, names their stacks, refines and merges them.
class Windows {
 public:
  explicit Windows(Symbolizer& symbols) : symbols_(symbols) {}

  void Fold(const Event& event) {
    std::optional<Window> window = builder_.Fold(event);
    if (!window) return;
    for (const auto& raw : window->stacks) {
      window->snapshot.stacks[raw->id] = symbols_.Resolve(*raw);
    }
    Refine(window->snapshot);
    windows_.push_back(std::move(window->snapshot));
  }

  // All windows from `first` on.
  Snapshot Whole(size_t first = 0) const {
    Snapshot whole = windows_.at(first);
    for (size_t at = first + 1; at < windows_.size(); ++at) Merge(whole, windows_[at]);
    return whole;
  }

  // What is wrong with the target in them.
  Findings Diagnosed(const Target& target, size_t first = 0) const {
    return FindingsOf(Whole(first), target);
  }

  size_t size() const { return windows_.size(); }
  const WindowBuilder& builder() const { return builder_; }

 private:
  Symbolizer& symbols_;
  WindowBuilder builder_;
  std::vector<Snapshot> windows_;
};

Snapshot RecordedOf(const Program& program) {
  const auto log = ReplaySource::Open(program.Log());
  EXPECT_TRUE(log.ok()) << log.status();
  if (!log.ok()) return {};
  Windows windows((*log)->symbols());
  for (const Event& event : EventsIn(**log)) windows.Fold(event);
  return windows.Whole();
}

Findings FindingsIn(const Program& program) {
  return FindingsOf(RecordedOf(program), program.target);
}

// As if nobody had asked while it ran.
Snapshot WithoutCountedCalls(Snapshot recorded) {
  recorded.syscalls.clear();
  recorded.errnos.clear();
  recorded.loops.clear();
  recorded.unread.clear();
  recorded.kernel_locks.clear();
  return recorded;
}

bool IsActionable(const Finding& finding) { return finding.severity >= Severity::kWarning; }

std::set<std::string> Told(const Findings& findings) {
  std::set<std::string> conditions;
  for (const Finding& finding : findings) {
    if (IsActionable(finding)) conditions.insert(finding.condition);
  }
  return conditions;
}

std::string TextOf(const Evidence& evidence) {
  return absl::StrFormat(
      "  %s %s\n", evidence.kind,
      absl::StrJoin(
          std::vector<std::string>{
              evidence.name, evidence.object, evidence.role, evidence.command,
              absl::StrCat("pid=", evidence.pid, " tid=", evidence.tid),
              absl::StrCat("ns=", evidence.total_ns, " count=", evidence.count),
              absl::StrFormat("%.3f of %.3f %s", evidence.value, evidence.threshold, evidence.unit),
              absl::StrJoin(evidence.frames, ";")},
          " | "));
}

std::string TextOf(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppendFormat(
        &text, "%s %s severity=%d confidence=%.2f %s pid=%d %d..%d stalled=%d share=%.4f\n",
        finding.condition, finding.id, static_cast<int>(finding.severity), finding.confidence,
        finding.comm, finding.pid, finding.begin_ns, finding.end_ns, finding.impact.stalled_ns,
        finding.impact.share);
    absl::StrAppend(&text, "  ", finding.summary, "\n  ", finding.advice, "\n");
    for (const ThreadName& thread : finding.threads) {
      absl::StrAppend(&text, "  thread ", thread.tid, " ", thread.comm, "\n");
    }
    for (const Evidence& evidence : finding.evidence) text += TextOf(evidence);
  }
  return text.empty() ? "healthy\n" : text;
}

class RecordedLogs : public testing::TestWithParam<Program> {};

TEST_P(RecordedLogs, MatchTheirGolden) {
  const std::string text = TextOf(FindingsIn(GetParam()));
  if (std::getenv("WAITSCOPE_ACCEPT_GOLDEN") != nullptr) {
    std::ofstream(GetParam().Golden()) << text;
    return;
  }
  EXPECT_EQ(text, ReadFile(GetParam().Golden())) << "if this is meant: ./dev golden --accept";
}

TEST_P(RecordedLogs, AreNamedWhatTheyAre) {
  const std::set<std::string> told = Told(FindingsIn(GetParam()));
  for (const std::string& condition : told) {
    EXPECT_THAT(GetParam().conditions, Contains(condition));
  }
  EXPECT_EQ(told.empty(), GetParam().conditions.empty());
}

TEST_P(RecordedLogs, AreMissedRatherThanMisnamedWithoutCountedCalls) {
  const Snapshot uncounted = WithoutCountedCalls(RecordedOf(GetParam()));
  for (const std::string& condition : Told(FindingsOf(uncounted, GetParam().target))) {
    EXPECT_THAT(GetParam().conditions, Contains(condition));
  }
}

std::vector<Event> EventsOf(std::string_view bytes) {
  std::vector<Event> events;
  while (!bytes.empty()) {
    const auto event = DecodeEvent(std::as_bytes(std::span(bytes)));
    EXPECT_TRUE(event.ok()) << event.status();
    if (!event.ok()) return events;
    events.push_back(*event);
    std::string record;
    EncodeEvent(*event, record);
    bytes.remove_prefix(record.size());
  }
  return events;
}

// What a recording does not carry is missing here: this one begins in the middle, with nothing but
// what the agent remembers of the time before.
TEST_P(RecordedLogs, SayTheSameLiveAndReplayed) {
  const auto log = ReplaySource::Open(GetParam().Log());
  ASSERT_TRUE(log.ok()) << log.status();
  Windows live((*log)->symbols());
  RecordTap tap(RecordFilter(Target(), Snapshot()), {.waiting_bytes = size_t{1} << 30});
  for (const Event& event : EventsIn(**log)) {
    live.Fold(event);
    if (tap.started()) tap.Offer(event);
    if (tap.started() || live.size() < kWindowsBeforeRecording) continue;
    tap.Start([&](RecordTap::Emit emit) { live.builder().Baseline(emit); });
  }
  Windows replayed((*log)->symbols());
  for (const Event& event : EventsOf(tap.Take(std::chrono::milliseconds(0)).bytes)) {
    replayed.Fold(event);
  }
  ASSERT_EQ(replayed.size() + kWindowsBeforeRecording, live.size());
  EXPECT_EQ(TextOf(live.Diagnosed(GetParam().target, kWindowsBeforeRecording)),
            TextOf(replayed.Diagnosed(GetParam().target)));
}

bool IsNeutralPath(std::string_view path) {
  return !path.starts_with('/') || path.starts_with("/usr/") || path.starts_with("/lab/") ||
         path.starts_with("/scratch") || path.starts_with("/group") ||
         path.starts_with("/dev/loop");
}

std::vector<std::string> TextsOf(const Event& event) {
  if (const auto* process = std::get_if<process_event>(&event)) {
    std::vector<std::string> texts =
        absl::StrSplit(std::string(Text(process->command)), absl::ByAnyChar(" ="));
    EXPECT_THAT(std::string(Text(process->cgroup)), testing::AnyOf("/", "/lab"));
    return texts;
  }
  if (const auto* frame = std::get_if<frame_event>(&event)) {
    return {std::string(Text(frame->file)), std::string(Text(frame->module))};
  }
  if (const auto* life = std::get_if<life_event>(&event)) {
    return {std::string(Text(life->filename))};
  }
  return {};
}

TEST_P(RecordedLogs, TellNothingOfTheMachineTheyWereMadeOn) {
  std::ifstream in(GetParam().Log(), std::ios::binary);
  LogReader reader(in);
  for (auto event = reader.Next(); event.ok() && event->has_value(); event = reader.Next()) {
    for (const std::string& text : TextsOf(**event)) EXPECT_TRUE(IsNeutralPath(text)) << text;
    if (const auto* host = std::get_if<host_event>(&**event)) {
      EXPECT_EQ(Text(host->hostname), "lab");
    }
    if (const auto* wait = std::get_if<wait_event>(&**event); wait && wait->waker.pid == 0) {
      EXPECT_EQ(Text(wait->waker_comm), "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Lab, RecordedLogs, testing::ValuesIn(Programs()), [](const auto& info) {
  return absl::StrReplaceAll(info.param.name, {{"-", "_"}});
});

TEST(RecordedLogsTogether, AreSmall) {
  uintmax_t all = 0;
  for (const Program& program : Programs()) {
    const uintmax_t bytes = fs::file_size(program.Log());
    EXPECT_LE(bytes, kLogBytes) << program.name;
    all += bytes;
  }
  EXPECT_LE(all, kAllLogsBytes);
}

// Rules that are not here yet have no recording small enough that was named right.
TEST(RecordedLogsTogether, TellTheseConditionsFromHealthyPrograms) {
  std::set<std::string> conditions;
  int healthy = 0;
  for (const Program& program : Programs()) {
    conditions.insert(program.conditions.begin(), program.conditions.end());
    healthy += program.conditions.empty() ? 1 : 0;
  }
  EXPECT_THAT(conditions,
              testing::IsSupersetOf({"backend-wait", "blocking-sleep", "connection-pool-exhaustion",
                                     "cpu-saturation", "cpu-throttling", "database-lock",
                                     "event-loop-blocked", "fork-stall", "fsync-stall",
                                     "hung-threads", "io-throttled", "lock-contention",
                                     "memory-stall", "thread-pool-starvation"}));
  EXPECT_GE(healthy, 12);
}

}  // namespace
}  // namespace waitscope
