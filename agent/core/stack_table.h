// The addresses of stacks, which the kernel ships once per identity. Bounded: two generations;
// when the young one is full the old one goes, and with it every stack not used meanwhile.
#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/snapshot.h"
#include "agent/core/stack.h"

namespace waitscope {

RawStack RawStackOf(const stack_event& event);

class StackTable {
 public:
  using Shared = std::shared_ptr<const RawStack>;

  explicit StackTable(size_t generation_limit) : limit_(generation_limit) {}

  void Fold(const stack_event& event);

  // Every stack `snapshot` refers to; counts those that never came as lost.
  std::vector<Shared> Close(Snapshot& snapshot);

  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

  // Whether stacks were forgotten or missed since the last call, although the kernel takes them
  // for shipped. One that stays missing is told once.
  bool TakeLapse() { return std::exchange(lapsed_, false); }

  // Rough size in memory.
  size_t bytes() const { return bytes_ + (young_.size() + old_.size()) * kRowBytes; }

 private:
  // A stack with the counts that share it, and a node of the table.
  static constexpr size_t kRowBytes = sizeof(RawStack) + 64;
  using Generation = std::unordered_map<StackId, Shared>;

  void Insert(const Shared& stack);
  Shared Use(StackId id);

  void Forget(const Generation& generation);

  size_t limit_;
  Generation young_;
  Generation old_;
  size_t bytes_ = 0;           // of the addresses
  std::set<StackId> missing_;  // at the last Close
  bool lapsed_ = false;
};

// The identities of all stacks a snapshot refers to, without 0.
std::set<StackId> StacksIn(const Snapshot& snapshot);

}  // namespace waitscope
