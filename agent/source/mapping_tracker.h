// Which code every process has mapped, kept up to date record by record: nothing is read from
// /proc but the beginning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "agent/source/mapping_record.h"

namespace waitscope {

struct TextMapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t offset = 0;                     // of `start` in the file
  std::shared_ptr<const MappedFile> file;  // never null; equal names share one
  uint64_t time_ns = 0;                    // of the record

  friend bool operator==(const TextMapping&, const TextMapping&) = default;
};

// Sorted by address, not overlapping. Children share their parent's until either changes.
using TextMappings = std::vector<TextMapping>;
using SharedMappings = std::shared_ptr<const TextMappings>;

class MappingTracker {
 public:
  // More per process are counted and left out.
  explicit MappingTracker(size_t max_mappings_per_process = 65'000)
      : max_mappings_(max_mappings_per_process) {}

  // Records in any order: those of two CPUs may overtake each other. An exit changes nothing: other
  // threads may live on, and stacks of the dead are still to be finished. kLost is the caller's
  // business.
  void Apply(const MappingRecord& record);
  // All of a process at once, as /proc showed it; only kMap records of that process,
  // with the time at which they were read.
  void Replace(uint32_t pid, const std::vector<MappingRecord>& maps);
  void Forget(uint32_t pid);

  // Null when the process is not known.
  SharedMappings Find(uint32_t pid) const;
  // As it was at that time: before the last exec or fork, if that was later.
  SharedMappings FindAt(uint32_t pid, uint64_t time_ns) const;
  void ForEach(absl::FunctionRef<void(uint32_t pid, const SharedMappings& mappings)> each) const;

  // Processes whose mappings changed since the last call.
  std::set<uint32_t> TakeChanged();

  size_t processes() const { return processes_.size(); }
  uint64_t refused() const { return refused_; }

 private:
  struct Known {
    SharedMappings now;
    SharedMappings before;  // the last exec, or what a fork gave
    uint64_t since_ns = 0;  // of that exec or fork
  };

  std::shared_ptr<const MappedFile> Intern(const MappedFile& file);
  void Insert(TextMappings& mappings, const MappingRecord& record);
  void Map(const MappingRecord& record);
  void StartOver(const MappingRecord& record, const SharedMappings& with);

  const size_t max_mappings_;
  absl::flat_hash_map<uint32_t, Known> processes_;
  std::set<uint32_t> changed_;
  std::vector<std::shared_ptr<const MappedFile>> files_;  // sorted by name
  size_t sweep_files_at_ = 1024;
  uint64_t refused_ = 0;
};

}  // namespace waitscope
