#include "agent/stack_cache.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/core/refine.h"
#include "agent/core/stack_trust.h"

namespace waitscope {
namespace {

// A compiler at run time names its code late, and debug files come late: such a stack is worth
// another try.
bool MayGetNames(const Stack& stack, bool files_came) {
  return std::ranges::any_of(stack.frames, [&](const Frame& frame) {
    const bool of_file = files_came && !frame.build_id.empty();
    return frame.symbol.empty() && (of_file || frame.module == "[jit]");
  });
}

// A later process of the same number has other code at these addresses, or the same code: then its
// names are right for both.
bool IsOfTheSameCode(const Stack& known, const Stack& again) {
  return std::ranges::all_of(known.frames, [&](const Frame& frame) {
    return frame.build_id.empty() || std::ranges::any_of(again.frames, [&](const Frame& other) {
             return other.address == frame.address && other.file_offset == frame.file_offset &&
                    other.build_id == frame.build_id;
           });
  });
}

}  // namespace

Stack StackCache::ResolveNow(const RawStack& raw) {
  Stack stack = symbolizer_.Resolve(raw);
  if (raw.pid == 0) TrimProbeFrames(stack);
  ApplyTrust(raw, stack);
  return stack;
}

bool StackCache::FilesCameSince(StackId id) {
  const uint64_t arrivals = arrivals_ ? arrivals_() : 0;
  if (arrivals != arrivals_seen_) arrived_turn_ = turn_;
  arrivals_seen_ = arrivals;
  return stacks_.LastUse(id).value_or(UINT64_MAX) <= arrived_turn_;
}

Stack StackCache::Resolve(const RawStack& raw) {
  const bool files_came = FilesCameSince(raw.id);
  std::optional<Stack> known = stacks_.Use(raw.id, ++turn_);
  if (known && !MayGetNames(*known, files_came)) return *std::move(known);
  Stack stack = ResolveNow(raw);
  // The process may be gone and forgotten by now, or another one have its number.
  const bool lost = stack.frames.empty();
  if (known && (lost || !IsOfTheSameCode(*known, stack))) return *std::move(known);
  stacks_.Put(raw.id, stack, turn_);
  while (stacks_.bytes() > max_bytes_ && stacks_.size() > 1) stacks_.ForgetOldest(turn_);
  return stack;
}

}  // namespace waitscope
