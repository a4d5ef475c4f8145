#include "agent/likeness.h"

#include <algorithm>
#include <cmath>

namespace waitscope {
namespace {

// Below the smallest share of a thread's time that a rule tells of, 5 %.
constexpr double kSameWorth = 0.04;
constexpr double kSameShare = 0.05;

bool IsAboutTheSame(double a, double b) {
  return std::abs(a - b) <= kSameWorth + kSameShare * std::max(a, b);
}

}  // namespace

Likeness::Likeness(const Snapshot& window) {
  const auto window_ns = static_cast<double>(window.end_ns - window.begin_ns);
  if (window_ns <= 0) return;
  for (const auto& [key, thread] : window.threads) {
    if (thread.kernel_thread || key.pid == window.host.agent_pid) continue;
    Worth& worth = by_pid_[key.pid];
    worth[0] += static_cast<double>(thread.totals.running_ns) / window_ns;
    worth[1] += static_cast<double>(thread.totals.RunnableNs()) / window_ns;
    for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
      if (cls == WAIT_poll) continue;
      worth[cls + 2] += static_cast<double>(thread.totals.waits[cls].ns) / window_ns;
    }
  }
}

bool Likeness::Covers(const Likeness& other) const {
  return std::ranges::all_of(other.by_pid_, [this](const auto& row) {
    const auto at = by_pid_.find(row.first);
    const Worth mine = at != by_pid_.end() ? at->second : Worth{};
    return std::ranges::equal(mine, row.second, IsAboutTheSame);
  });
}

bool Likeness::IsLike(const Likeness& other) const { return Covers(other) && other.Covers(*this); }

}  // namespace waitscope
