// Stacks already named, the least recently used forgotten first.
#pragma once

#include <cstddef>
#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/core/stack.h"

namespace waitscope {

// Bounded by bytes: names outweigh addresses a hundredfold, and addresses can be named again.
class StackCache {
 public:
  StackCache(Symbolizer& symbolizer, size_t max_bytes)
      : symbolizer_(symbolizer), max_bytes_(max_bytes) {}

  // Valid until the next call.
  const Stack& Resolve(const RawStack& raw);
  size_t bytes() const { return bytes_; }

 private:
  using Row = std::pair<StackId, Stack>;

  Stack ResolveNow(const RawStack& raw);
  void Forget();

  Symbolizer& symbolizer_;
  const size_t max_bytes_;
  std::list<Row> rows_;  // the most recently used first
  absl::flat_hash_map<StackId, std::list<Row>::iterator> index_;
  size_t bytes_ = 0;
};

}  // namespace waitscope
