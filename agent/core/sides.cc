#include "agent/core/sides.h"

namespace waitscope {

void SidesStage::Fold(const sides_event& event) {
  const auto [at, added] = latest_.try_emplace({event.pid, event.epoll}, event);
  if (!added && event.at_ns > at->second.at_ns) at->second = event;
}

void SidesStage::Close(Snapshot& snapshot) {
  std::erase_if(latest_, [&](const auto& row) { return !HasThreadOf(row.first.pid, snapshot); });
  for (const auto& [key, event] : latest_) snapshot.sides.emplace(key, event.sides);
}

void SidesStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  for (const auto& [key, event] : latest_) emit(event);
}

}  // namespace waitscope
