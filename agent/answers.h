// Answers the Query service's questions from the pipeline: which windows, and what to say of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/diagnosis.h"
#include "agent/pipeline.h"
#include "agent/sinks/backend.h"
#include "agent/turns.h"

namespace waitscope {

class Answers : public Backend {
 public:
  struct Options {
    uint64_t window_ns = 0;
    uint64_t history_limit_bytes = 0;
    bool replay = false;
    // What the kernel gives and what is attached; may be empty. Safe from any thread.
    std::function<std::vector<CapabilityRow>()> capabilities;
    std::function<std::vector<ProgramRow>()> programs;
  };

  Answers(Pipeline& pipeline, Options options);

  absl::StatusOr<uint64_t> Mark(GiveUp give_up) override;
  absl::StatusOr<Answer> Ask(const TimeAsked& time, const Target& target, GiveUp give_up) override;
  absl::StatusOr<Answer> Diagnose(const TimeAsked& time, const Target& target,
                                  GiveUp give_up) override;
  absl::Status Record(const RecordAsked& asked, WriteChunk write, GiveUp give_up) override;
  absl::StatusOr<std::shared_ptr<void>> LeaseSyscalls(GiveUp give_up) override;
  absl::StatusOr<std::shared_ptr<void>> LeaseKernelLocks(GiveUp give_up) override;
  AgentStatus Status() override;

 private:
  absl::StatusOr<Answer> Resolve(const LatestWindow& asked, const Target& target, GiveUp give_up);
  absl::StatusOr<Answer> Resolve(const FromNow& asked, const Target& target, GiveUp give_up);
  absl::StatusOr<Answer> Resolve(const LastPart& asked, const Target& target, GiveUp give_up);
  absl::StatusOr<Answer> Resolve(const SinceMark& asked, const Target& target, GiveUp give_up);
  absl::StatusOr<Answer> Resolve(const Following& asked, const Target& target, GiveUp give_up);
  absl::StatusOr<Answer> Latest(const Target& target) const;
  absl::StatusOr<Answer> NextWindow(uint64_t after_ns, const Target& target, GiveUp give_up);
  absl::StatusOr<Answer> Between(uint64_t begin_ns, uint64_t end_ns, const Target& target,
                                 GiveUp give_up);
  absl::StatusOr<Findings> FindingsBetween(uint64_t begin_ns, uint64_t end_ns, const Target& target,
                                           GiveUp give_up) const;
  Findings FindingsOf(const Snapshot& snapshot) const;
  uint64_t OnOurClock(uint64_t wall_clock_ns) const;

  Pipeline& pipeline_;
  const Options options_;
  const uint64_t started_ns_;
  Turns merges_;
};

}  // namespace waitscope
