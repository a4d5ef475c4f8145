#include "agent/diagnose/fold.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace waitscope {
namespace {

// Within one process, the left explains the right. In order: causes before their effects.
struct Explains {
  std::string_view cause;
  std::string_view effect;
};

constexpr std::array kExplains{
    Explains{"hung-threads", "lock-contention"},
    Explains{"hung-threads", "thread-pool-starvation"},
    Explains{"memory-stall", "disk-saturation"},
    Explains{"memory-stall", "disk-latency"},
    Explains{"memory-stall", "io-throttled"},
    Explains{"memory-stall", "thread-pool-starvation"},
    Explains{"memory-stall", "event-loop-blocked"},
    Explains{"dirty-throttling", "disk-saturation"},
    Explains{"dirty-throttling", "io-throttled"},
    Explains{"cpu-throttling", "cpu-saturation"},
    Explains{"cpu-throttling", "lock-contention"},
    Explains{"event-loop-blocked", "cpu-saturation"},
    Explains{"event-loop-blocked", "blocking-sleep"},
    Explains{"event-loop-blocked", "backend-wait"},
    Explains{"event-loop-blocked", "fsync-stall"},
    Explains{"event-loop-blocked", "fork-stall"},
    Explains{"event-loop-blocked", "database-lock"},
    Explains{"event-loop-blocked", "disk-latency"},
    Explains{"fsync-stall", "disk-saturation"},
    Explains{"fsync-stall", "disk-latency"},
    Explains{"fsync-stall", "io-throttled"},
    Explains{"fsync-stall", "thread-pool-starvation"},
    Explains{"fsync-stall", "lock-contention"},
    Explains{"disk-saturation", "thread-pool-starvation"},
    Explains{"disk-latency", "thread-pool-starvation"},
    Explains{"io-throttled", "thread-pool-starvation"},
    Explains{"database-lock", "thread-pool-starvation"},
    Explains{"database-lock", "blocking-sleep"},
    Explains{"database-lock", "backend-wait"},
    Explains{"lock-contention", "thread-pool-starvation"},
    Explains{"lock-contention", "event-loop-blocked"},
    Explains{"lock-contention", "backend-wait"},
    Explains{"lock-contention", "blocking-sleep"},
    Explains{"lock-contention", "connection-pool-exhaustion"},
    Explains{"connection-pool-exhaustion", "thread-pool-starvation"},
    Explains{"connection-pool-exhaustion", "backend-wait"},
    Explains{"thread-pool-starvation", "thread-exhaustion"},
    Explains{"thread-pool-starvation", "backend-wait"},
    Explains{"thread-pool-starvation", "blocking-sleep"},
};

// Whoever holds a lock of the kernel while the disk is slow, memory is short or pages are copied
// keeps the others waiting for that.
constexpr std::array<std::string_view, 6> kExplainKernelLocks{"memory-stall",    "dirty-throttling",
                                                              "disk-saturation", "disk-latency",
                                                              "io-throttled",    "fork-stall"};

bool IsOfKernelLock(const Finding& finding) {
  return std::ranges::any_of(
      finding.evidence, [](const Evidence& evidence) { return evidence.role == "kernel lock"; });
}

bool Explained(const Finding& cause, const Finding& effect) {
  if (&cause == &effect || cause.pid != effect.pid) return false;
  // Whoever waits for a CPU and for something else, for the other much longer, has that sickness.
  const bool minor = effect.impact.stalled_ns < cause.impact.stalled_ns / 2;
  if (effect.condition == "cpu-saturation" && minor) return true;
  if (IsOfKernelLock(effect)) {
    const bool known =
        std::ranges::find(kExplainKernelLocks, cause.condition) != kExplainKernelLocks.end();
    if (known) return true;
  }
  return std::ranges::any_of(kExplains, [&](const Explains& row) {
    return row.cause == cause.condition && row.effect == effect.condition;
  });
}

// Of one machine-wide cause, what hit the most time is told.
bool SameCause(const Finding& a, const Finding& b) {
  return !a.cause.empty() && a.cause == b.cause;
}

void Adopt(Finding& cause, const Finding& effect) {
  Evidence evidence = ObjectEvidence("explains", effect.condition);
  evidence.pid = effect.pid;
  evidence.role = effect.comm;
  evidence.name = effect.summary;
  evidence.total_ns = effect.impact.stalled_ns;
  cause.evidence.push_back(std::move(evidence));
  cause.severity = std::max(cause.severity, effect.severity);
}

// The process whose threads end the waits of this one, when another finding is about it.
bool AnsweredBy(const Finding& waiter, const Finding& other) {
  if (waiter.pid == other.pid) return false;
  if (waiter.condition != "backend-wait" && waiter.condition != "thread-pool-starvation") {
    return false;
  }
  return std::ranges::any_of(waiter.evidence, [&](const Evidence& evidence) {
    return evidence.role == "answers" && evidence.pid == other.pid;
  });
}

// Several rules may tell one starved pool, or hang, from different proof: the gravest is kept, and
// of those the surest.
void DropRepeated(Findings& findings) {
  std::ranges::stable_sort(findings, [](const Finding& a, const Finding& b) {
    if (a.id != b.id) return a.id < b.id;
    return a.severity != b.severity ? a.severity > b.severity : a.confidence > b.confidence;
  });
  const auto same = [](const Finding& a, const Finding& b) { return a.id == b.id; };
  findings.erase(std::unique(findings.begin(), findings.end(), same), findings.end());
}

std::optional<size_t> CauseOf(const Findings& findings, const std::vector<bool>& gone, size_t at) {
  for (size_t other = 0; other < findings.size(); ++other) {
    if (gone[other] || other == at) continue;
    // What nobody need act on is no reason for what somebody should.
    const bool harmless = findings[other].severity == Severity::kInfo;
    if (harmless && findings[at].severity != Severity::kInfo) continue;
    if (Explained(findings[other], findings[at])) return other;
    if (AnsweredBy(findings[at], findings[other])) return other;
    if (SameCause(findings[other], findings[at]) && other < at) return other;
  }
  return std::nullopt;
}

}  // namespace

Findings FoldExplained(Findings findings) {
  DropRepeated(findings);
  std::ranges::stable_sort(findings, [](const Finding& a, const Finding& b) {
    return a.impact.stalled_ns > b.impact.stalled_ns;
  });
  std::vector<bool> gone(findings.size(), false);
  for (size_t at = 0; at < findings.size(); ++at) {
    const std::optional<size_t> cause = CauseOf(findings, gone, at);
    if (!cause) continue;
    Adopt(findings[*cause], findings[at]);
    gone[at] = true;
  }
  Findings kept;
  for (size_t at = 0; at < findings.size(); ++at) {
    if (!gone[at]) kept.push_back(std::move(findings[at]));
  }
  std::ranges::stable_sort(kept, [](const Finding& a, const Finding& b) {
    return a.severity != b.severity ? a.severity > b.severity
                                    : a.impact.stalled_ns > b.impact.stalled_ns;
  });
  return kept;
}

}  // namespace waitscope
