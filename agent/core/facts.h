// What is known beside the time: processes, names, creations, losses, the agent's own cost.
#pragma once

#include <map>
#include <string>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/monotone.h"
#include "agent/core/snapshot.h"

namespace waitscope {

class FactStage {
 public:
  // Births and deaths themselves are the ledgers' to tell: each thread's first and last record.
  void Fold(const life_event& event);
  void Fold(const process_event& event);
  void Fold(const membership_event& event) { memberships_[event.pid] = event; }
  void Fold(const host_event& event) { host_ = event; }
  void Fold(const loss_event& event) { losses_.Fold(event.reason, event); }
  void Fold(const cost_event& event) { cost_.Fold(0, event); }

  // `snapshot` already holds its threads and samples.
  void Close(Snapshot& snapshot);
  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  struct Process {
    process_event event{};
    uint32_t silent_windows = 0;  // without a thread
  };
  static bool More(const loss_event& a, const loss_event& b) { return a.count > b.count; }
  static bool Newer(const cost_event& a, const cost_event& b) { return a.at_ns > b.at_ns; }

  void CloseLives(Snapshot& snapshot);
  void CloseProcesses(Snapshot& snapshot);
  ProcessFacts FactsOfProcess(uint32_t pid, uint32_t parent_pid) const;
  void CloseTotals(Snapshot& snapshot);

  std::map<uint32_t, Process> processes_;
  std::map<uint32_t, membership_event> memberships_;
  std::map<ThreadKey, std::string> comms_;
  std::map<CreationKey, uint64_t> creations_;
  host_event host_{};
  Monotone<uint32_t, loss_event, More> losses_;
  Monotone<int, cost_event, Newer> cost_;
};

}  // namespace waitscope
