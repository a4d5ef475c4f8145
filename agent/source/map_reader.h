// Reads whole BPF hash maps in batches (v5.6).
#pragma once

#include <bpf/bpf.h>

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "agent/source/map_batches.h"

namespace waitscope {

enum class MapRead { kKeep, kRemove };

// Calls `each` for every entry of the hash map `fd`. Entries added meanwhile may be missed until
// the next call; an entry is never delivered twice when removing.
template <typename Key, typename Value>
absl::Status ForEachEntry(int fd, MapRead mode,
                          absl::FunctionRef<void(const Key&, const Value&)> each) {
  if (fd < 0) return absl::OkStatus();
  const auto read = [=](void* from, void* next, void* keys, void* values, uint32_t* count) {
    return mode == MapRead::kRemove
               ? bpf_map_lookup_and_delete_batch(fd, from, next, keys, values, count, nullptr)
               : bpf_map_lookup_batch(fd, from, next, keys, values, count, nullptr);
  };
  return ForEachBatched<Key, Value>(read, each);
}

// Whether a map with so many entries has room for no more than as many again.
inline bool IsHalfFull(int fd, size_t entries) {
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
         2 * entries >= info.max_entries;
}

}  // namespace waitscope
