#include "agent/record_tap.h"

#include <utility>

#include "agent/source/event_codec.h"

namespace waitscope {
namespace {

std::string WireBytes(const Event& event) {
  std::string bytes;
  EncodeEvent(event, bytes);
  return bytes;
}

}  // namespace

void RecordTap::Start(absl::FunctionRef<void(Emit)> baseline) {
  ring_full_.hdr = {EVENT_loss, sizeof ring_full_};
  ring_full_.reason = LOST_ring_full;
  // All of it or nothing: without a part of it the first window's differences would be wrong.
  const auto put = [this](const Event& event) {
    if (!too_large_ && filter_.Admits(event)) Put(event, /*droppable=*/false);
    const std::lock_guard lock(mutex_);
    too_large_ |= bytes_.size() > limits_.baseline_bytes;
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
    if (!promised_stacks_.Remove(stack->id)) {
      const size_t bytes = record.size();
      if (!HasStack(stack->id)) unused_stacks_.Put(stack->id, std::move(record), bytes);
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
    if (droppable && bytes_.size() + record.size() > limits_.waiting_bytes) {
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
    const std::string* unused = unused_stacks_.Find(id);
    const std::lock_guard lock(mutex_);
    if (unused != nullptr) {
      bytes_.append(*unused);
      unused_stacks_.Remove(id);
    } else if (stacks_.Find(id) != nullptr) {
      continue;
    } else {
      promised_stacks_.Put(id, {});
    }
    stacks_.Put(id, {});
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

bool RecordTap::HasStack(StackId id) const {
  const std::lock_guard lock(mutex_);
  return stacks_.Find(id) != nullptr;
}

bool RecordTap::IsTooLarge() const {
  const std::lock_guard lock(mutex_);
  return too_large_;
}

}  // namespace waitscope
