#include "agent/record_tap.h"

#include <utility>

#include "agent/source/event_codec.h"

namespace waitscope {
namespace {

constexpr size_t kMaxUnusedStacks = 1 << 16;

std::string WireBytes(const Event& event) {
  std::string bytes;
  EncodeEvent(event, bytes);
  return bytes;
}

}  // namespace

void RecordTap::Start(absl::FunctionRef<void(Emit)> baseline) {
  ring_full_.hdr = {EVENT_loss, sizeof ring_full_};
  ring_full_.reason = LOST_ring_full;
  // However much it is: without it the first window's differences would be wrong.
  const auto put = [this](const Event& event) {
    if (filter_.Admits(event)) Put(event, /*droppable=*/false);
  };
  baseline(put);
  started_ = true;
}

void RecordTap::Offer(const Event& event) {
  if (!filter_.Admits(event)) return;
  const auto* tick = std::get_if<tick_event>(&event);
  const bool droppable = tick == nullptr && !std::holds_alternative<loss_event>(event);
  // The window that a tick closes is the one the drops happened in.
  if (tick != nullptr) PutLoss(ring_full_);
  Put(event, droppable);
}

void RecordTap::Put(const Event& event, bool droppable) {
  std::string record = WireBytes(event);
  if (const auto* stack = std::get_if<stack_event>(&event)) {
    if (promised_stacks_.erase(stack->id) == 0) {
      if (unused_stacks_.size() >= kMaxUnusedStacks) unused_stacks_.clear();
      unused_stacks_[stack->id] = std::move(record);
      return;
    }
  }
  if (const auto* loss = std::get_if<loss_event>(&event);
      loss != nullptr && loss->reason == LOST_ring_full) {
    ring_full_ = *loss;
    return PutLoss(*loss);
  }
  {
    const std::lock_guard lock(mutex_);
    if (droppable && bytes_.size() + record.size() > max_bytes_) {
      ++dropped_;
      return;
    }
    bytes_.append(record);
    if (const auto* tick = std::get_if<tick_event>(&event)) closed_ns_ = tick->at_ns;
  }
  filled_.notify_one();
  PutStacks(event);
}

void RecordTap::PutStacks(const Event& event) {
  for (const StackId id : StacksOf(event)) {
    const auto unused = unused_stacks_.find(id);
    const std::lock_guard lock(mutex_);
    if (unused != unused_stacks_.end()) {
      bytes_.append(unused->second);
      unused_stacks_.erase(unused);
      stacks_.insert(id);
    } else if (stacks_.insert(id).second) {
      promised_stacks_.insert(id);
    }
  }
}

void RecordTap::PutLoss(loss_event event) {
  const std::lock_guard lock(mutex_);
  event.count += dropped_;
  bytes_.append(WireBytes(event));
}

bool RecordTap::HasBegun(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return filled_.wait_for(lock, patience, [this] { return closed_ns_ != 0; });
}

RecordTap::Taken RecordTap::Take(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  filled_.wait_for(lock, patience, [this] { return !bytes_.empty(); });
  return {std::exchange(bytes_, {}), closed_ns_};
}

std::set<StackId> RecordTap::Stacks() const {
  const std::lock_guard lock(mutex_);
  return stacks_;
}

}  // namespace waitscope
