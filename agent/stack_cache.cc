#include "agent/stack_cache.h"

#include <algorithm>

#include "agent/core/refine.h"
#include "agent/core/stack_trust.h"
#include "agent/history.h"

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

const Stack& StackCache::Resolve(const RawStack& raw) {
  const auto found = index_.find(raw.id);
  if (found != index_.end()) {
    rows_.splice(rows_.begin(), rows_, found->second);
    Stack& known = rows_.front().second;
    if (!MayGetNames(known)) return known;
    bytes_ -= ApproximateBytes(known);
    known = ResolveNow(raw);
  } else {
    rows_.emplace_front(raw.id, ResolveNow(raw));
    index_[raw.id] = rows_.begin();
  }
  bytes_ += ApproximateBytes(rows_.front().second);
  Forget();
  return rows_.front().second;
}

void StackCache::Forget() {
  while (bytes_ > max_bytes_ && rows_.size() > 1) {
    bytes_ -= ApproximateBytes(rows_.back().second);
    index_.erase(rows_.back().first);
    rows_.pop_back();
  }
}

}  // namespace waitscope
