// Stacks already named, the least recently used forgotten first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/core/stack.h"
#include "agent/stack_store.h"

namespace waitscope {

// Bounded by bytes: names outweigh addresses, and addresses can be named again.
class StackCache {
 public:
  StackCache(Symbolizer& symbolizer, size_t max_bytes)
      : symbolizer_(symbolizer), max_bytes_(max_bytes) {}

  Stack Resolve(const RawStack& raw);
  size_t bytes() const { return stacks_.bytes(); }

 private:
  Stack ResolveNow(const RawStack& raw);

  Symbolizer& symbolizer_;
  const size_t max_bytes_;
  StackStore stacks_;
  uint64_t turn_ = 0;
};

}  // namespace waitscope
