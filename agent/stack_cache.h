// Stacks already named, the least recently used forgotten first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "agent/core/stack.h"
#include "agent/stack_store.h"

namespace waitscope {

// Bounded by bytes: names outweigh addresses, and addresses can be named again.
class StackCache {
 public:
  // Grows when files got names: stacks with frames that have none are named once more.
  using Arrivals = std::function<uint64_t()>;

  // `arrivals` may be empty.
  StackCache(Symbolizer& symbolizer, size_t max_bytes, Arrivals arrivals)
      : symbolizer_(symbolizer), max_bytes_(max_bytes), arrivals_(std::move(arrivals)) {}

  Stack Resolve(const RawStack& raw);
  size_t bytes() const { return stacks_.bytes(); }

 private:
  Stack ResolveNow(const RawStack& raw);
  bool FilesCameSince(StackId id);

  Symbolizer& symbolizer_;
  const size_t max_bytes_;
  const Arrivals arrivals_;
  StackStore stacks_;
  uint64_t turn_ = 0;
  uint64_t arrivals_seen_ = 0;
  uint64_t arrived_turn_ = 0;  // stacks not used since may get names
};

}  // namespace waitscope
