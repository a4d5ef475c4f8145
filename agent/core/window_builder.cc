#include "agent/core/window_builder.h"

#include <utility>

namespace waitscope {

std::optional<Window> WindowBuilder::Fold(const Event& event) {
  std::visit([this](const auto& fact) { FoldFact(fact); }, event);
  const auto* tick = std::get_if<tick_event>(&event);
  if (tick == nullptr) return std::nullopt;

  Window window = Close(*tick);
  const bool was_open = std::exchange(opened_, *tick).has_value();
  ++sequence_;
  return was_open ? std::optional(std::move(window)) : std::nullopt;
}

Window WindowBuilder::Close(const tick_event& tick) {
  Window window;
  Snapshot& snapshot = window.snapshot;
  snapshot.begin_ns = opened_ ? opened_->at_ns : tick.at_ns;
  snapshot.end_ns = tick.at_ns;
  snapshot.wall_clock_end_ns = tick.wall_clock_ns;
  snapshot.sequence = sequence_;
  samples_.Close(tick.at_ns, ledgers_, snapshot);
  ledgers_.Close(snapshot);
  devices_.Close(snapshot);
  syscalls_.Close(ledgers_, snapshot);
  unread_.Close(snapshot);
  sides_.Close(snapshot);
  kernel_locks_.Close(snapshot);
  facts_.Close(snapshot);
  surroundings_.Close(snapshot);
  window.stacks = stacks_.Close(snapshot);
  window.table_bytes = stacks_.bytes();
  return window;
}

void WindowBuilder::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  facts_.Baseline(emit);
  surroundings_.Baseline(emit);
  stacks_.Baseline(emit);
  ledgers_.Baseline(emit);
  devices_.Baseline(emit);
  syscalls_.Baseline(emit);
  unread_.Baseline(emit);
  sides_.Baseline(emit);
  kernel_locks_.Baseline(emit);
  samples_.Baseline(emit);
  if (opened_) emit(*opened_);
}

}  // namespace waitscope
