// What the Query service asks of the agent: the only thing sinks know of threads and sources.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/core/snapshot.h"
#include "agent/core/target.h"
#include "agent/diagnose/finding.h"

namespace waitscope {

// Which stretch of time a question is about.
struct LatestWindow {};
struct FromNow {
  uint64_t duration_ns = 0;
};
struct LastPart {
  uint64_t duration_ns = 0;  // up to the end of the latest window
};
struct SinceMark {
  uint64_t wall_clock_ns = 0;  // as Mark answered; up to now
};
struct Following {
  uint64_t after_ns = 0;     // the end of a window already seen
  uint64_t interval_ns = 0;  // up to a mark so long after it; 0: the next window to close
};
using TimeAsked = std::variant<LatestWindow, FromNow, LastPart, SinceMark, Following>;

struct Answer {
  std::shared_ptr<void> turn = {};      // others may wait for it: first here, so that it ends last
  Snapshot snapshot = {};               // merged, and the target's part alone
  std::vector<std::string> notes = {};  // sentences about the time that was answered for
  Findings findings = {};               // in its time, as windows closed; or of a diagnosis
};

struct RecordAsked {
  uint64_t duration_ns = 0;  // 0: until the reader gives up
  Target target;
};

// One thing a kernel may give, and what its absence costs.
struct CapabilityRow {
  std::string name;
  bool present = false;
  std::string detail;
};

struct ProgramRow {
  std::string name;
  std::string attach;
  bool attached = false;
  uint64_t run_count = 0;
  uint64_t run_ns = 0;
  uint64_t recursion_misses = 0;
};

struct AgentStatus {
  uint64_t up_ns = 0;
  uint64_t window_ns = 0;
  uint32_t history_windows = 0;
  uint64_t history_bytes = 0;
  uint64_t history_limit_bytes = 0;
  uint64_t history_begin_wall_clock_ns = 0;
  std::vector<CapabilityRow> capabilities;
  std::vector<ProgramRow> programs;
  bool replay = false;
  Findings findings;       // of the history
  uint64_t diagnoses = 0;  // looks for them
  uint64_t diagnosis_cpu_ns = 0;
};

// Calls wait for as long as they need, asking at least ten times a second whether to give up;
// then they return Cancelled.
class Backend {
 public:
  using GiveUp = absl::FunctionRef<bool()>;
  using WriteChunk = absl::FunctionRef<bool(std::string_view)>;

  virtual ~Backend() = default;

  // Closes the window now; the wall clock at its end.
  virtual absl::StatusOr<uint64_t> Mark(GiveUp give_up) = 0;
  virtual absl::StatusOr<Answer> Ask(const TimeAsked& time, const Target& target,
                                     GiveUp give_up) = 0;
  // What is wrong with the target; the snapshot is the whole machine's.
  virtual absl::StatusOr<Answer> Diagnose(const TimeAsked& time, const Target& target,
                                          GiveUp give_up) = 0;
  // Writes a recording, until its time has passed or a write fails.
  virtual absl::Status Record(const RecordAsked& asked, WriteChunk write, GiveUp give_up) = 0;
  // System calls are measured as long as any lease lives.
  virtual absl::StatusOr<std::shared_ptr<void>> LeaseSyscalls(GiveUp give_up) = 0;
  // The same of locks of the kernel.
  virtual absl::StatusOr<std::shared_ptr<void>> LeaseKernelLocks(GiveUp give_up) = 0;
  virtual AgentStatus Status() = 0;
};

}  // namespace waitscope
