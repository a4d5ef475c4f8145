#include "agent/core/facts.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint32_t kForgetAfterWindows = 2;

ProcessFacts FactsOf(const process_event& event) {
  return {.parent_pid = event.parent_pid,
          .cgroup = PrintableText(event.cgroup),
          .container = PrintableText(event.container),
          .command = PrintableText(event.command)};
}

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines = absl::StrSplit(std::string(text), '\n', absl::SkipEmpty());
  for (std::string& line : lines) line = Printable(line);
  return lines;
}

HostFacts FactsOf(const host_event& event) {
  return {.cpus = event.cpus,
          .agent_pid = event.pid,
          .hostname = PrintableText(event.hostname),
          .kernel = PrintableText(event.kernel),
          .agent_version = PrintableText(event.agent_version),
          .limits = LinesOf(Text(event.limits))};
}

}  // namespace

void FactStage::Fold(const life_event& event) {
  const ThreadKey thread = KeyOf(event.thread);
  comms_[thread] = std::max(comms_[thread], PrintableText(event.comm));
  if (event.kind == LIFE_fork && (event.kernel_stack != 0 || event.user_stack != 0)) {
    ++creations_[{KeyOf(event.creator), event.kernel_stack, event.user_stack}];
  }
}

void FactStage::Fold(const process_event& event) { processes_[event.pid] = {.event = event}; }

void FactStage::Close(Snapshot& snapshot) {
  CloseLives(snapshot);
  CloseProcesses(snapshot);
  CloseTotals(snapshot);
  snapshot.host = FactsOf(host_);
}

void FactStage::CloseLives(Snapshot& snapshot) {
  snapshot.creations = std::exchange(creations_, {});
  snapshot.comms.merge(comms_);
  comms_.clear();
  std::erase_if(snapshot.comms,
                [&](const auto& row) { return snapshot.threads.contains(row.first); });
}

ProcessFacts FactStage::FactsOfProcess(uint32_t pid, uint32_t parent_pid) const {
  ProcessFacts facts{.parent_pid = parent_pid};
  const auto known = processes_.find(pid);
  if (known != processes_.end()) facts = FactsOf(known->second.event);
  const auto groups = memberships_.find(pid);
  const bool apart = groups != memberships_.end();
  facts.cpu_cgroup = apart ? PrintableText(groups->second.cpu) : facts.cgroup;
  facts.memory_cgroup = apart ? PrintableText(groups->second.memory) : facts.cgroup;
  facts.pids_cgroup = apart ? PrintableText(groups->second.pids) : facts.cgroup;
  return facts;
}

void FactStage::CloseProcesses(Snapshot& snapshot) {
  for (const auto& [key, thread] : snapshot.threads) {
    const auto [facts, added] = snapshot.processes.try_emplace(key.pid);
    if (!added) continue;
    facts->second = FactsOfProcess(key.pid, thread.parent_pid);
  }
  for (auto& [pid, process] : processes_) {
    const bool silent = !snapshot.processes.contains(pid);
    process.silent_windows = silent ? process.silent_windows + 1 : 0;
  }
  std::erase_if(processes_,
                [](const auto& row) { return row.second.silent_windows >= kForgetAfterWindows; });
  std::erase_if(memberships_, [&](const auto& row) { return !processes_.contains(row.first); });
}

void FactStage::CloseTotals(Snapshot& snapshot) {
  losses_.Close([&](uint32_t reason, const loss_event& now, const loss_event* before) {
    snapshot.losses[reason] = SinceOrZero(before != nullptr ? before->count : 0, now.count);
  });
  cost_.Close([&](int, const cost_event& now, const cost_event* before) {
    const cost_event start = before != nullptr ? *before : cost_event{};
    snapshot.cost = {.agent_cpu_ns = SinceOrZero(start.agent_cpu_ns, now.agent_cpu_ns),
                     .agent_rss_bytes = now.agent_rss_bytes,
                     .bpf_run_ns = SinceOrZero(start.bpf_run_ns, now.bpf_run_ns),
                     .bpf_run_count = SinceOrZero(start.bpf_run_count, now.bpf_run_count)};
  });
}

void FactStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  emit(host_);
  for (const auto& [pid, process] : processes_) emit(process.event);
  for (const auto& [pid, groups] : memberships_) emit(groups);
  losses_.ForEachClosed([&](const loss_event& event) { emit(event); });
  cost_.ForEachClosed([&](const cost_event& event) { emit(event); });
}

}  // namespace waitscope
