#include "agent/stack_cache.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/core/refine.h"
#include "agent/core/stack_trust.h"

namespace waitscope {
namespace {

// A compiler at run time names its code late: such a stack is worth another try.
bool MayGetNames(const Stack& stack) {
  return std::ranges::any_of(stack.frames, [](const Frame& frame) {
    return frame.symbol.empty() && frame.module == "[jit]";
  });
}

}  // namespace

Stack StackCache::ResolveNow(const RawStack& raw) {
  Stack stack = symbolizer_.Resolve(raw);
  if (raw.pid == 0) TrimProbeFrames(stack);
  ApplyTrust(raw, stack);
  return stack;
}

Stack StackCache::Resolve(const RawStack& raw) {
  std::optional<Stack> known = stacks_.Use(raw.id, ++turn_);
  if (known && !MayGetNames(*known)) return *std::move(known);
  Stack stack = ResolveNow(raw);
  stacks_.Put(raw.id, stack, turn_);
  while (stacks_.bytes() > max_bytes_ && stacks_.size() > 1) stacks_.ForgetOldest(turn_);
  return stack;
}

}  // namespace waitscope
