#include "agent/core/stack_table.h"

#include <algorithm>
#include <utility>

namespace waitscope {
namespace {

stack_event EventOf(const RawStack& stack) {
  stack_event event{};
  const size_t count = std::min<size_t>(stack.addresses.size(), WS_STACK_DEPTH);
  event.hdr.kind = EVENT_stack;
  const size_t words = std::min<size_t>(stack.python.size(), WS_PYTHON_WORDS);
  event.hdr.size = static_cast<uint32_t>(offsetof(stack_event, addresses) + 8 * (count + words));
  event.id = stack.id;
  event.pid = stack.pid;
  event.count = static_cast<uint16_t>(count);
  event.stack_class = static_cast<uint8_t>(stack.trust);
  event.stop = static_cast<uint8_t>(stack.stop);
  std::copy_n(stack.addresses.begin(), count, event.addresses);
  std::copy_n(stack.python.begin(), words, event.addresses + count);
  return event;
}

size_t BytesOf(const RawStack& stack) {
  return (stack.addresses.capacity() + stack.python.capacity()) * sizeof(uint64_t);
}

// How many words the record carries behind its `count` addresses.
size_t WordsBehind(const stack_event& event, size_t count) {
  const size_t begin = offsetof(stack_event, addresses) + 8 * count;
  const size_t words = event.hdr.size > begin ? (event.hdr.size - begin) / 8 : 0;
  return std::min<size_t>(words, WS_PYTHON_WORDS);
}

}  // namespace

RawStack RawStackOf(const stack_event& event) {
  const size_t count = std::min<size_t>(event.count, WS_STACK_DEPTH);
  const __u64* const behind = event.addresses + count;
  return {.id = event.id,
          .pid = event.pid,
          .addresses = std::vector<uint64_t>(event.addresses, event.addresses + count),
          .trust = static_cast<unwind_class>(event.stack_class),
          .stop = static_cast<unwind_stop>(event.stop),
          .python = std::vector<uint64_t>(behind, behind + WordsBehind(event, count))};
}

void StackTable::Fold(const stack_event& event) {
  if (Use(event.id) != nullptr) return;
  Insert(std::make_shared<RawStack>(RawStackOf(event)));
}

void StackTable::Insert(const Shared& stack) {
  if (young_.size() >= limit_) {
    Forget(old_);
    old_ = std::exchange(young_, {});
  }
  young_[stack->id] = stack;
  bytes_ += BytesOf(*stack);
}

void StackTable::Forget(const Generation& generation) {
  for (const auto& [id, stack] : generation) bytes_ -= BytesOf(*stack);
  lapsed_ |= !generation.empty();
}

StackTable::Shared StackTable::Use(StackId id) {
  const auto young = young_.find(id);
  if (young != young_.end()) return young->second;
  const auto old = old_.find(id);
  if (old == old_.end()) return nullptr;
  Shared stack = std::move(old->second);
  bytes_ -= BytesOf(*stack);
  old_.erase(old);
  Insert(stack);
  return stack;
}

std::vector<StackTable::Shared> StackTable::Close(Snapshot& snapshot) {
  std::vector<Shared> stacks;
  std::set<StackId> missing;
  for (const StackId id : StacksIn(snapshot)) {
    if (Shared stack = Use(id)) {
      stacks.push_back(std::move(stack));
    } else {
      ++snapshot.losses[LOST_stack_unresolved];
      missing.insert(missing.end(), id);
      lapsed_ |= !missing_.contains(id);
    }
  }
  missing_ = std::move(missing);
  return stacks;
}

void StackTable::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  for (const auto& [id, stack] : old_) emit(EventOf(*stack));
  for (const auto& [id, stack] : young_) emit(EventOf(*stack));
}

std::set<StackId> StacksIn(const Snapshot& snapshot) {
  std::set<StackId> ids;
  for (const auto& [key, value] : snapshot.samples) {
    ids.insert({key.kernel_stack, key.user_stack, key.waker_kernel_stack, key.waker_user_stack});
  }
  for (const auto& [key, thread] : snapshot.threads) {
    if (!thread.open_wait) continue;
    ids.insert({thread.open_wait->kernel_stack, thread.open_wait->user_stack});
  }
  for (const auto& [key, count] : snapshot.creations) {
    ids.insert({key.kernel_stack, key.user_stack});
  }
  ids.erase(0);
  return ids;
}

}  // namespace waitscope
