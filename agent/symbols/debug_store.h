// Debug files that came from elsewhere, in a directory of limited size.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace waitscope {

// Laid out as debuggers want it (.build-id/ab/cdef.debug), so DebugFiles finds them as any other.
class DebugStore {
 public:
  // Makes `directory`, which nobody else may write: its oldest files are removed.
  static absl::StatusOr<DebugStore> Open(std::string directory, uint64_t max_bytes);

  const std::string& directory() const { return directory_; }
  // The largest file that is kept, and room for one while it comes.
  uint64_t max_file_bytes() const { return max_bytes_ / 4; }

  // Removes the oldest files until one more of the largest size fits.
  void MakeRoom() const;
  // Moves `file` here if it is the debug file of `build_id`, and removes it if not. Its size.
  absl::StatusOr<uint64_t> Keep(const std::string& file, const std::string& build_id) const;

 private:
  DebugStore(std::string directory, uint64_t max_bytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  std::string directory_;
  uint64_t max_bytes_;
};

}  // namespace waitscope
