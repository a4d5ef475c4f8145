// Opening files that belong to other processes, without trusting them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/os/unique_fd.h"

namespace waitscope {

// Which bytes a file held: a file rewritten in place, or an inode used again, is another key.
struct FileKey {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t modified_ns = 0;
  uint64_t size = 0;

  friend bool operator==(const FileKey&, const FileKey&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const FileKey& key) {
    return H::combine(std::move(hash), key.device, key.inode, key.modified_ns, key.size);
  }
};

struct OpenedFile {
  UniqueFd fd;
  FileKey key;
  uint32_t owner_uid = 0;
};

// Both refuse anything but a regular file, before its driver or its writer could notice.
absl::StatusOr<OpenedFile> OpenFile(const std::string& path);
// Resolves `path` as a process whose root directory is `root` would: no link leads outside.
absl::StatusOr<OpenedFile> OpenFileInRoot(const std::string& root, const std::string& path);

// The text of a file in /proc, at most `max_bytes` of it; nothing when it cannot be read.
std::optional<std::string> ReadText(const std::string& path, size_t max_bytes);

}  // namespace waitscope
