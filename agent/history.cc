#include "agent/history.h"

#include <algorithm>
#include <utility>

namespace waitscope {

size_t ApproximateBytes(const Stack& stack) {
  size_t bytes = sizeof stack + stack.truncated.capacity();
  for (const Frame& frame : stack.frames) {
    bytes += sizeof frame + frame.symbol.capacity() + frame.module.capacity() +
             frame.build_id.capacity();
  }
  return bytes;
}

History::StackRef History::Intern(StackId id, Stack stack) {
  StackRef& kept = stacks_[id];
  // A stack resolved better than before (a late perf map, say) replaces the old for new windows.
  if (kept == nullptr || *kept != stack) {
    if (kept != nullptr) bytes_ -= ApproximateBytes(*kept);
    bytes_ += ApproximateBytes(stack);
    kept = std::make_shared<const Stack>(std::move(stack));
  }
  stack_uses_[id] += 1;
  return kept;
}

void History::Append(Snapshot window) {
  {
    const std::lock_guard lock(mutex_);
    auto stored = std::make_shared<Window>();
    for (auto& [id, stack] : window.stacks) {
      stored->stacks.emplace_back(id, Intern(id, std::move(stack)));
    }
    window.stacks.clear();
    stored->snapshot = std::move(window);
    stored->bytes =
        ApproximateBytes(stored->snapshot) + stored->stacks.size() * sizeof(stored->stacks.front());
    bytes_ += stored->bytes;
    windows_.push_back(std::move(stored));
    Evict();
  }
  appended_.notify_all();
}

// The newest window always stays: without it there would be nothing to answer with.
void History::Evict() {
  const uint64_t newest_ns = windows_.back()->snapshot.end_ns;
  while (windows_.size() > 1) {
    const Window& oldest = *windows_.front();
    const bool expired = oldest.snapshot.end_ns + limits_.time_ns < newest_ns;
    if (!expired && bytes_ <= limits_.bytes) break;
    DropStacks(oldest);
    bytes_ -= oldest.bytes;
    windows_.pop_front();
  }
}

void History::DropStacks(const Window& window) {
  for (const auto& [id, stack] : window.stacks) {
    const auto uses = stack_uses_.find(id);
    if (--uses->second > 0) continue;
    stack_uses_.erase(uses);
    const auto kept = stacks_.find(id);
    bytes_ -= ApproximateBytes(*kept->second);
    stacks_.erase(kept);
  }
}

Snapshot History::Whole(const std::vector<std::shared_ptr<const Window>>& windows) {
  Snapshot whole = windows.front()->snapshot;
  for (size_t i = 1; i < windows.size(); ++i) Merge(whole, windows[i]->snapshot);
  // Newest first, so that the best resolution of a stack is the one shown.
  for (auto window = windows.rbegin(); window != windows.rend(); ++window) {
    for (const auto& [id, stack] : (*window)->stacks) whole.stacks.try_emplace(id, *stack);
  }
  return whole;
}

std::vector<std::shared_ptr<const History::Window>> History::Choose(uint64_t begin_ns,
                                                                    uint64_t end_ns) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Window>> chosen;
  for (const auto& window : windows_) {
    const uint64_t window_end_ns = window->snapshot.end_ns;
    if (window_end_ns > begin_ns && window_end_ns <= end_ns) chosen.push_back(window);
  }
  return chosen;
}

std::optional<Snapshot> History::Merged(uint64_t begin_ns, uint64_t end_ns) const {
  const std::vector<std::shared_ptr<const Window>> chosen = Choose(begin_ns, end_ns);
  if (chosen.empty()) return std::nullopt;
  return Whole(chosen);
}

std::map<StackId, std::shared_ptr<const Stack>> History::Stacks(uint64_t begin_ns,
                                                                uint64_t end_ns) const {
  std::map<StackId, std::shared_ptr<const Stack>> stacks;
  for (const auto& window : Choose(begin_ns, end_ns)) {
    stacks.insert(window->stacks.begin(), window->stacks.end());
  }
  return stacks;
}

std::optional<Snapshot> History::Latest() const {
  std::vector<std::shared_ptr<const Window>> newest;
  {
    const std::lock_guard lock(mutex_);
    if (windows_.empty()) return std::nullopt;
    newest.push_back(windows_.back());
  }
  return Whole(newest);
}

HistoryUsage History::Usage() const {
  const std::lock_guard lock(mutex_);
  HistoryUsage usage;
  if (windows_.empty()) return usage;
  const Snapshot& oldest = windows_.front()->snapshot;
  usage.windows = static_cast<uint32_t>(windows_.size());
  usage.bytes = bytes_;
  usage.begin_ns = oldest.begin_ns;
  usage.end_ns = windows_.back()->snapshot.end_ns;
  usage.wall_clock_begin_ns = oldest.wall_clock_end_ns - (oldest.end_ns - oldest.begin_ns);
  usage.sequence = windows_.back()->snapshot.sequence;
  return usage;
}

std::optional<uint64_t> History::WaitForEnd(uint64_t at_ns,
                                            std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  const bool closed = appended_.wait_for(lock, patience, [&] {
    return !windows_.empty() && windows_.back()->snapshot.end_ns >= at_ns;
  });
  if (!closed) return std::nullopt;
  const auto first = std::ranges::lower_bound(
      windows_, at_ns, {}, [](const auto& window) { return window->snapshot.end_ns; });
  return (*first)->snapshot.end_ns;
}

std::optional<uint64_t> History::EndAtWallClock(uint64_t wall_clock_ns) const {
  const std::lock_guard lock(mutex_);
  for (auto window = windows_.rbegin(); window != windows_.rend(); ++window) {
    if ((*window)->snapshot.wall_clock_end_ns == wall_clock_ns) return (*window)->snapshot.end_ns;
  }
  return std::nullopt;
}

}  // namespace waitscope
