// The kernel's own news of mappings: one perf event per CPU that counts nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/os/unique_fd.h"
#include "agent/source/mapping_record.h"
#include "agent/source/online_cpus.h"

namespace waitscope {

class MappingStream {
 public:
  // Of every process, on these CPUs. Needs CAP_PERFMON, or root.
  static absl::StatusOr<MappingStream> Open(const CpuSet& online);

  // From now on on these CPUs. What happened on a new one before this call is not known.
  absl::Status Follow(const CpuSet& online);
  // Readable when there are records.
  std::vector<int> fds() const;
  // Reads all that is there; calls `each` in the order of time for what is older than `before_ns`,
  // and keeps the rest for the next call: an older record may still be on its way on another CPU.
  void Drain(uint64_t before_ns, absl::FunctionRef<void(const MappingRecord&)> each);
  bool holds_back() const { return !held_.empty(); }

 private:
  struct Unmap {
    void operator()(void* memory) const;
  };
  struct Ring {
    UniqueFd fd;
    std::unique_ptr<void, Unmap> memory;
  };

  MappingStream() = default;
  static absl::StatusOr<std::optional<Ring>> OpenRing(int cpu);
  void Read(const Ring& ring);

  PerCpu<Ring> rings_;
  std::vector<MappingRecord> held_;
};

}  // namespace waitscope
