// Opening files that belong to other processes, without trusting them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace waitscope {

class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  ~UniqueFd();
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

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
