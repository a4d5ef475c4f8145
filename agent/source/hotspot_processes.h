// Which processes run which HotSpot: found out once each of them is up, published to the kernel
// side, and known to whoever names their frames.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "agent/java/layout.h"
#include "agent/java/vm_structs.h"

namespace waitscope {

// For one thread, but for what says otherwise.
class HotSpotProcesses {
 public:
  // Null: the process runs none any more.
  using Publish = absl::AnyInvocable<void(uint32_t pid, const hotspot_code* code)>;
  using MemoryOfProcess = ReadMemory (*)(uint32_t pid);

  explicit HotSpotProcesses(Publish publish, MemoryOfProcess memory = MemoryAndFilesOf)
      : publish_(std::move(publish)), memory_(memory) {}

  // Where the process has its tables; nothing: it runs none. To be told as often as one likes.
  void Note(uint32_t pid, const std::optional<VmStructsAt>& at, uint64_t now_ns);
  // Looks at those that were not up the last time and whose turn it is.
  void Try(uint64_t now_ns);
  // For how long that may be waited for; -1: for ever.
  int patience_ms(uint64_t now_ns) const;

  // From any thread.
  std::optional<HotSpotLayout> Find(uint32_t pid) const;

 private:
  struct Starting {
    VmStructsAt at;
    uint64_t pause_ns = 0;
    uint64_t next_ns = 0;
  };

  void Forget(uint32_t pid);
  bool IsUp(uint32_t pid, const VmStructsAt& at);

  Publish publish_;
  MemoryOfProcess memory_;
  absl::flat_hash_map<uint32_t, VmStructsAt> noted_;
  absl::flat_hash_map<uint32_t, Starting> starting_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<uint32_t, HotSpotLayout> up_;
};

}  // namespace waitscope
