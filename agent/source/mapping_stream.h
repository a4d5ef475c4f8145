// The kernel's own news of mappings: one perf event per CPU that counts nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/os/unique_fd.h"
#include "agent/source/mapping_record.h"

namespace waitscope {

class MappingStream {
 public:
  // Of every process, on every CPU that is online. Needs CAP_PERFMON, or root.
  static absl::StatusOr<MappingStream> Open();
  ~MappingStream();
  MappingStream(MappingStream&&) noexcept = default;
  MappingStream(const MappingStream&) = delete;
  MappingStream& operator=(const MappingStream&) = delete;
  MappingStream& operator=(MappingStream&&) = delete;

  // Readable when there are records.
  std::vector<int> fds() const;
  // Reads all that is there; calls `each` in the order of time for what is older than `before_ns`,
  // and keeps the rest for the next call: an older record may still be on its way on another CPU.
  void Drain(uint64_t before_ns, absl::FunctionRef<void(const MappingRecord&)> each);
  bool holds_back() const { return !held_.empty(); }

 private:
  struct Ring {
    UniqueFd fd;
    void* memory = nullptr;
  };

  MappingStream() = default;
  absl::Status Add(int cpu);
  void Read(Ring& ring);

  std::vector<Ring> rings_;
  std::vector<MappingRecord> held_;
};

}  // namespace waitscope
