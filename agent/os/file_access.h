// Opening files that belong to other processes, without trusting them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
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

// A mapping of a process, as it sees it.
struct MappedPlace {
  std::string home;  // in /proc; empty: the process is gone
  uint64_t start = 0;
  uint64_t end = 0;
  std::string path;  // empty: the file has no name any more
};

enum class FoundBy { kMapping, kName };
// Whether that is the file; its device tells nothing: btrfs and overlayfs report different ones in
// maps and stat.
using IsTheFile = absl::FunctionRef<bool(const FileKey& key, FoundBy by)>;

// The file behind a mapping. Opens the very file that is mapped where the kernel lets us (also when
// deleted, or in a container), else the file of that name, as the process or as we see it.
absl::StatusOr<OpenedFile> OpenMapped(const MappedPlace& place, const std::string& host_root,
                                      IsTheFile is_the_file);

// The text of a file in /proc, at most `max_bytes` of it; nothing when it cannot be read.
std::optional<std::string> ReadText(const std::string& path, size_t max_bytes);

}  // namespace waitscope
