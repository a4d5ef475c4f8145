// Reads whole BPF hash maps in batches (v5.6).
#pragma once

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"

namespace waitscope {

enum class MapRead { kKeep, kRemove };

// Calls `each` for every entry of the hash map `fd`. Entries added meanwhile may be missed until
// the next call; an entry is never delivered twice when removing.
template <typename Key, typename Value>
void ForEachEntry(int fd, MapRead mode, absl::FunctionRef<void(const Key&, const Value&)> each) {
  constexpr uint32_t kBatch = 512;  // more than a bucket ever holds, else the kernel says ENOSPC
  if (fd < 0) return;
  std::vector<Key> keys(kBatch);
  std::vector<Value> values(kBatch);
  uint64_t position = 0;  // opaque to us; hash maps use 32 bits of it
  void* from = nullptr;
  while (true) {
    uint32_t count = kBatch;
    const int error = mode == MapRead::kRemove
                          ? bpf_map_lookup_and_delete_batch(fd, from, &position, keys.data(),
                                                            values.data(), &count, nullptr)
                          : bpf_map_lookup_batch(fd, from, &position, keys.data(), values.data(),
                                                 &count, nullptr);
    if (error != 0 && error != -ENOENT) return;
    for (uint32_t i = 0; i < count; ++i) each(keys[i], values[i]);
    if (error == -ENOENT) return;  // that was the end
    from = &position;
  }
}

}  // namespace waitscope
