#include "agent/os/file_access.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace waitscope {
namespace {

constexpr size_t kReadChunk = 64 << 10;

absl::Status Failure(const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat("cannot open ", path));
}

FileKey KeyOf(const struct stat& status) {
  // Unsigned, because anybody can set a time of modification that overflows.
  const auto seconds = static_cast<uint64_t>(status.st_mtim.tv_sec);
  return {
      .device = status.st_dev,
      .inode = status.st_ino,
      .modified_ns = seconds * 1'000'000'000 + static_cast<uint64_t>(status.st_mtim.tv_nsec),
      .size = static_cast<uint64_t>(status.st_size),
  };
}

// O_PATH has no side effect on a device or a FIFO, so the type is known before the real open.
absl::StatusOr<OpenedFile> OpenChecked(const UniqueFd& handle, const std::string& path) {
  struct stat status;
  if (!handle.ok() || fstat(handle.get(), &status) != 0) return Failure(path);
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  const std::string link = absl::StrCat("/proc/self/fd/", handle.get());
  UniqueFd fd(open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return Failure(path);
  return OpenedFile{std::move(fd), KeyOf(status), status.st_uid};
}

}  // namespace

absl::StatusOr<OpenedFile> OpenFile(const std::string& path) {
  return OpenChecked(UniqueFd(open(path.c_str(), O_PATH | O_CLOEXEC)), path);
}

absl::StatusOr<OpenedFile> OpenFileInRoot(const std::string& root, const std::string& path) {
  const UniqueFd directory(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return Failure(root);
  struct open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof(how));
  return OpenChecked(UniqueFd(static_cast<int>(fd)), absl::StrCat(root, path));
}

absl::StatusOr<OpenedFile> OpenMapped(const MappedPlace& place, const std::string& host_root,
                                      IsTheFile is_the_file) {
  const auto fits = [&](const absl::StatusOr<OpenedFile>& file, FoundBy by) {
    return file.ok() && is_the_file(file->key, by);
  };
  std::vector<std::string> roots{host_root};
  if (!place.home.empty()) {
    absl::StatusOr<OpenedFile> mapped =
        OpenFile(absl::StrFormat("%s/map_files/%x-%x", place.home, place.start, place.end));
    if (fits(mapped, FoundBy::kMapping)) return mapped;
    roots.insert(roots.begin(), place.home + "/root");
  }
  for (const std::string& root : roots) {
    if (place.path.empty()) break;
    absl::StatusOr<OpenedFile> named = OpenFileInRoot(root, place.path);
    if (fits(named, FoundBy::kName)) return named;
  }
  return absl::NotFoundError(absl::StrCat("the mapped file is gone or was replaced: ", place.path));
}

std::optional<std::string> ReadText(const std::string& path, size_t max_bytes) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return std::nullopt;
  std::string text;
  while (text.size() < max_bytes) {
    const size_t before = text.size();
    text.resize(before + std::min(kReadChunk, max_bytes - before));
    const ssize_t count = read(fd.get(), text.data() + before, text.size() - before);
    text.resize(before + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0) return std::nullopt;
    if (count == 0) break;
  }
  return text;
}

}  // namespace waitscope
