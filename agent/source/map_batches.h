// Reads a map in batches, whoever gives them: the kernel, or a test.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace waitscope {

// As bpf_map_lookup_batch and its like: up to *count entries from the position *from (null: the
// beginning), the number of entries to *count and where to go on to *next. 0, -ENOENT when these
// were the last, -ENOSPC when a bucket did not fit; other errors as the kernel has them.
using ReadBatch =
    absl::FunctionRef<int(void* from, void* next, void* keys, void* values, uint32_t* count)>;

template <typename Key, typename Value>
absl::Status ForEachBatched(ReadBatch read,
                            absl::FunctionRef<void(const Key&, const Value&)> each) {
  constexpr uint32_t kMostEntries = 1 << 16;
  // Small enough for memory that the allocator has at hand: some maps are looked at every 100 ms.
  std::vector<Key> keys(64);
  std::vector<Value> values(keys.size());
  uint64_t position = 0;  // opaque to us; hash maps use 32 bits of it
  uint64_t next = 0;
  void* from = nullptr;
  while (true) {
    auto count = static_cast<uint32_t>(keys.size());
    const int error = read(from, &next, keys.data(), values.data(), &count);
    if (error == -ENOSPC && keys.size() < kMostEntries) {
      keys.resize(2 * keys.size());
      values.resize(keys.size());
      continue;
    }
    if (error == -EINTR || error == -EAGAIN) continue;
    if (error != 0 && error != -ENOENT) {
      return absl::InternalError(
          absl::StrCat("the kernel did not give the entries of a map: ", std::strerror(-error)));
    }
    for (uint32_t i = 0; i < count; ++i) each(keys[i], values[i]);
    if (error == -ENOENT) return absl::OkStatus();  // that was the end
    position = next;
    from = &position;
  }
}

}  // namespace waitscope
