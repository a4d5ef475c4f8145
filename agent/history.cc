#include "agent/history.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

namespace waitscope {
namespace {

// The more windows share a base, the older it gets and the less it resembles them.
constexpr uint32_t kWindowsPerBase = 16;
constexpr size_t kPinsForLater = 64;
// A window cut short by so little is a whole one.
constexpr uint64_t kAlmostWhole = 20;  // one part in twenty
// As many stacks are read before others may have the lock.
constexpr size_t kStacksAtOnce = 256;

uint64_t LengthOf(const PackedWindow& window) { return window.end_ns() - window.begin_ns(); }

constexpr char kLeftOut[] =
    "left out, since the answer has too many stacks: ask for a process or for less time";

size_t BytesOf(const Stack& stack) {
  size_t bytes = sizeof(stack);
  for (const Frame& frame : stack.frames) {
    bytes += sizeof(frame) + frame.symbol.size() + frame.module.size() + frame.build_id.size() +
             frame.file.size();
  }
  return bytes;
}

// By the time that was spent in them.
std::vector<StackId> HeaviestFirst(const Snapshot& snapshot) {
  std::map<StackId, double> ns;
  for (const auto& [id, stack] : snapshot.stacks) ns[id] = 0;
  for (const auto& [key, value] : snapshot.samples) {
    for (const StackId id :
         {key.kernel_stack, key.user_stack, key.waker_kernel_stack, key.waker_user_stack}) {
      if (const auto at = ns.find(id); at != ns.end()) at->second += value.ns;
    }
  }
  std::vector<StackId> ids;
  ids.reserve(ns.size());
  for (const auto& [id, time] : ns) ids.push_back(id);
  std::ranges::stable_sort(ids, std::greater<>(), [&](StackId id) { return ns.at(id); });
  return ids;
}

// What decides whether a thread belongs to a target, in all windows of a stretch.
absl::StatusOr<Snapshot> KnownOf(const std::vector<PackedWindow::Ref>& windows,
                                 History::GiveUp give_up) {
  WindowUnpacker unpacker;
  Snapshot known;
  for (const PackedWindow::Ref& window : windows) {
    if (give_up()) return absl::CancelledError("given up while merging windows");
    Merge(known, OnlyIdentities(unpacker.Unpack(*window)));
  }
  return known;
}

absl::StatusOr<Snapshot> MergedOf(const std::vector<PackedWindow::Ref>& windows,
                                  const Target& target, const Snapshot* known,
                                  History::GiveUp give_up) {
  WindowUnpacker unpacker;
  std::optional<Snapshot> whole;
  for (const PackedWindow::Ref& window : windows) {
    if (give_up()) return absl::CancelledError("given up while merging windows");
    Snapshot part = unpacker.Unpack(*window);
    if (!target.Everything()) part = Select(part, known != nullptr ? *known : part, target);
    if (whole) {
      Merge(*whole, part);
    } else {
      whole = std::move(part);
    }
  }
  return *std::move(whole);
}

}  // namespace

void History::Append(Snapshot window, size_t beside_bytes) {
  Keep(window, beside_bytes);
  appended_.notify_all();
  if (limits_.window_ns != 0) JoinShort();
}

PackedWindow::Ref History::NextBase() const { return based_ < kWindowsPerBase ? base_ : nullptr; }

void History::Keep(Snapshot& window, size_t beside_bytes) {
  // Only this thread changes the base.
  PackedWindow::Ref packed = PackedWindow::Pack(window, NextBase(), packed_bytes_);
  if (PackedWindow::BaseNear(packed) == packed) {
    base_ = packed;
    based_ = 0;
  }
  ++based_;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, stack] : window.stacks) stacks_.Put(id, stack, window.sequence);
  beside_bytes_ = beside_bytes;
  windows_.push_back(std::move(packed));
  Evict();
}

size_t History::Bytes() const { return *packed_bytes_ + stacks_.bytes() + beside_bytes_; }

// The newest window always stays: without it there would be nothing to answer with.
void History::Evict() {
  const uint64_t newest_ns = windows_.back()->end_ns();
  while (windows_.size() > 1) {
    const PackedWindow::Ref oldest = windows_.front();
    const bool expired =
        oldest->end_ns() < newest_ns && newest_ns - oldest->end_ns() > limits_.time_ns;
    if (!expired && Bytes() <= limits_.bytes) break;
    windows_.pop_front();
    while (stacks_.ForgetOldest(oldest->sequence())) continue;
  }
}

bool History::MayJoin(const PackedWindow& first, const PackedWindow& second) const {
  const uint64_t least_ns = limits_.window_ns - limits_.window_ns / kAlmostWhole;
  const uint64_t joined_ns = second.end_ns() - first.begin_ns();
  const bool one_is_short = std::min(LengthOf(first), LengthOf(second)) < least_ns;
  // Whoever has just asked for this end may not have pinned it yet.
  const bool settled = windows_.back()->end_ns() - first.end_ns() >= 2 * limits_.window_ns;
  const bool wanted =
      pins_.contains(first.end_ns()) ||
      std::ranges::find(pinned_for_later_, first.end_ns()) != pinned_for_later_.end();
  return one_is_short && settled && !wanted && joined_ns <= 2 * limits_.window_ns;
}

// The newest two that may become one.
std::optional<size_t> History::FindShort() const {
  for (size_t second = windows_.size(); second-- > 1;) {
    if (MayJoin(*windows_[second - 1], *windows_[second])) return second - 1;
  }
  return std::nullopt;
}

void History::JoinShort() {
  std::unique_lock lock(mutex_);
  while (const std::optional<size_t> at = FindShort()) {
    const PackedWindow::Ref first = windows_[*at];
    const PackedWindow::Ref second = windows_[*at + 1];
    lock.unlock();
    WindowUnpacker unpacker;
    Snapshot joined = unpacker.Unpack(*first);
    Merge(joined, unpacker.Unpack(*second));
    const PackedWindow::Ref base = PackedWindow::BaseNear(second);
    PackedWindow::Ref packed =
        PackedWindow::Pack(joined, base == second ? nullptr : base, packed_bytes_);
    lock.lock();
    // Only this thread moves windows, but a reader may have pinned the end meanwhile.
    if (!MayJoin(*first, *second)) continue;
    windows_[*at] = std::move(packed);
    windows_.erase(windows_.begin() + static_cast<std::ptrdiff_t>(*at) + 1);
  }
}

History::Windows History::Choose(uint64_t begin_ns, uint64_t end_ns) const {
  const std::lock_guard lock(mutex_);
  Windows chosen;
  std::ranges::copy_if(windows_, std::back_inserter(chosen), [&](const auto& window) {
    return window->end_ns() > begin_ns && window->end_ns() <= end_ns;
  });
  return chosen;
}

void History::FillStacks(Snapshot& snapshot) const {
  const std::vector<StackId> ids = HeaviestFirst(snapshot);
  size_t bytes = 0;
  for (size_t next = 0; next < ids.size();) {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < kStacksAtOnce && next < ids.size(); ++i, ++next) {
      Stack& shown = snapshot.stacks[ids[next]];
      if (bytes > limits_.answer_stack_bytes) {
        shown.truncated = kLeftOut;
      } else if (std::optional<Stack> stack = stacks_.Find(ids[next])) {
        bytes += BytesOf(*stack);
        shown = *std::move(stack);
      }
    }
  }
}

absl::StatusOr<std::optional<Snapshot>> History::Merged(uint64_t begin_ns, uint64_t end_ns,
                                                        const Target& target,
                                                        GiveUp give_up) const {
  const Windows windows = Choose(begin_ns, end_ns);
  if (windows.empty()) return std::optional<Snapshot>();
  std::optional<Snapshot> known;
  if (NeedsWhole(target)) {
    absl::StatusOr<Snapshot> learnt = KnownOf(windows, give_up);
    if (!learnt.ok()) return learnt.status();
    known = *std::move(learnt);
  }
  absl::StatusOr<Snapshot> merged = MergedOf(windows, target, known ? &*known : nullptr, give_up);
  if (!merged.ok()) return merged.status();
  FillStacks(*merged);
  return std::optional(*std::move(merged));
}

std::optional<Snapshot> History::Merged(uint64_t begin_ns, uint64_t end_ns) const {
  return *Merged(begin_ns, end_ns, Target(), [] { return false; });
}

void History::ForEachStack(uint64_t begin_ns, uint64_t end_ns,
                           absl::FunctionRef<bool(StackId)> wanted,
                           absl::FunctionRef<void(StackId, const Stack&)> visit) const {
  WindowUnpacker unpacker;
  for (const PackedWindow::Ref& window : Choose(begin_ns, end_ns)) {
    Snapshot snapshot;
    snapshot.stacks = unpacker.Unpack(*window).stacks;
    std::erase_if(snapshot.stacks, [&](const auto& row) { return !wanted(row.first); });
    FillStacks(snapshot);
    for (const auto& [id, stack] : snapshot.stacks) visit(id, stack);
  }
}

std::optional<Snapshot> History::Latest() const {
  PackedWindow::Ref newest;
  {
    const std::lock_guard lock(mutex_);
    if (windows_.empty()) return std::nullopt;
    newest = windows_.back();
  }
  Snapshot snapshot = WindowUnpacker().Unpack(*newest);
  FillStacks(snapshot);
  return snapshot;
}

HistoryUsage History::Usage() const {
  const std::lock_guard lock(mutex_);
  HistoryUsage usage;
  if (windows_.empty()) return usage;
  const PackedWindow& oldest = *windows_.front();
  usage.windows = static_cast<uint32_t>(windows_.size());
  usage.bytes = Bytes();
  usage.begin_ns = oldest.begin_ns();
  usage.end_ns = windows_.back()->end_ns();
  usage.wall_clock_begin_ns = oldest.wall_clock_end_ns() - LengthOf(oldest);
  usage.wall_clock_end_ns = windows_.back()->wall_clock_end_ns();
  usage.sequence = windows_.back()->sequence();
  return usage;
}

std::optional<uint64_t> History::WaitForEnd(uint64_t at_ns,
                                            std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  const bool closed = appended_.wait_for(
      lock, patience, [&] { return !windows_.empty() && windows_.back()->end_ns() >= at_ns; });
  if (!closed) return std::nullopt;
  const auto first = std::ranges::lower_bound(windows_, at_ns, {},
                                              [](const auto& window) { return window->end_ns(); });
  return (*first)->end_ns();
}

std::optional<uint64_t> History::EndAtWallClock(uint64_t wall_clock_ns) const {
  const std::lock_guard lock(mutex_);
  for (auto window = windows_.rbegin(); window != windows_.rend(); ++window) {
    if ((*window)->wall_clock_end_ns() == wall_clock_ns) return (*window)->end_ns();
  }
  return std::nullopt;
}

std::optional<uint64_t> History::WallClockAt(uint64_t end_ns) const {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::lower_bound(windows_, end_ns, {},
                                           [](const auto& window) { return window->end_ns(); });
  if (at == windows_.end() || (*at)->end_ns() != end_ns) return std::nullopt;
  return (*at)->wall_clock_end_ns();
}

std::shared_ptr<void> History::Pin(uint64_t end_ns) const {
  const std::lock_guard lock(mutex_);
  pins_.insert(end_ns);
  return {nullptr, [this, end_ns](void*) {
            const std::lock_guard unpin(mutex_);
            pins_.erase(pins_.find(end_ns));
          }};
}

void History::PinForLater(uint64_t end_ns) const {
  const std::lock_guard lock(mutex_);
  pinned_for_later_.push_back(end_ns);
  if (pinned_for_later_.size() > kPinsForLater) pinned_for_later_.pop_front();
}

}  // namespace waitscope
