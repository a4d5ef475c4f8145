#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostBytes = 1 << 30;  // read at once

absl::string_view Advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space or write elsewhere with -o";
    case EROFS:
      return "; write elsewhere with -o";
    case EACCES:
    case EPERM:
      return "; write where this user may, with -o";
    case ENOENT:
      return "; make its folder first, or write elsewhere with -o";
    default:
      return "";
  }
}

absl::Status CannotWrite(const std::string& path, int error) {
  return absl::InternalError(absl::StrCat("cannot write ", path, ": ", strerror(error),
                                          Advice(error), ". No part of it was kept"));
}

// What went there before is there.
absl::Status CannotPrint(int error) {
  return absl::InternalError(
      absl::StrCat("cannot write to standard output: ", strerror(error), Advice(error)));
}

bool IsSpecial(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

bool IsDirectory(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// 0, or the error number.
int WriteAll(int fd, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t written = write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    data.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

// mkostemp makes files for the owner alone; the umask decides for the others, as for any output.
void ApplyUmask(int fd) {
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(fd, 0666 & ~mask);
}

}  // namespace

OutputFile::OutputFile(std::string path, std::string temporary_path, int fd)
    : path_(std::move(path)), temporary_path_(std::move(temporary_path)), fd_(fd) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::exchange(other.temporary_path_, "")),
      fd_(std::exchange(other.fd_, -1)) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
}

absl::StatusOr<OutputFile> OutputFile::Create(const std::string& path) {
  if (IsSpecial(path)) {
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return CannotWrite(path, errno);
    return OutputFile(path, "", fd);
  }
  if (IsDirectory(path)) return CannotWrite(path, EISDIR);
  std::string temporary_path = absl::StrCat(path, ".partial-XXXXXX");
  const int fd = mkostemp(temporary_path.data(), O_CLOEXEC);
  if (fd < 0) return CannotWrite(path, errno);
  ApplyUmask(fd);
  return OutputFile(path, std::move(temporary_path), fd);
}

absl::Status OutputFile::Write(absl::string_view data) {
  const int error = WriteAll(fd_, data);
  return error == 0 ? absl::OkStatus() : CannotWrite(path_, error);
}

absl::Status OutputFile::Finish() {
  if (close(std::exchange(fd_, -1)) != 0) return CannotWrite(path_, errno);
  if (temporary_path_.empty()) return absl::OkStatus();
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) return CannotWrite(path_, errno);
  temporary_path_.clear();
  return absl::OkStatus();
}

absl::Status CheckOutput(const std::string& path) {
  if (path.empty() || IsSpecial(path)) return absl::OkStatus();
  return OutputFile::Create(path).status();
}

absl::Status WriteOutput(const std::string& path, absl::string_view data) {
  if (path.empty()) {
    const int error = WriteAll(STDOUT_FILENO, data);
    return error == 0 ? absl::OkStatus() : CannotPrint(error);
  }
  absl::StatusOr<OutputFile> file = OutputFile::Create(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = file->Write(data); !status.ok()) return status;
  return file->Finish();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::DataLossError(absl::StrCat("cannot read ", path, ": ", strerror(errno)));
  std::string data;
  char buffer[65536];
  ssize_t got = 0;
  while ((got = read(fd, buffer, sizeof buffer)) > 0 && data.size() < kMostBytes) {
    data.append(buffer, static_cast<size_t>(got));
  }
  const int error = got > 0 ? EFBIG : errno;
  close(fd);
  if (got != 0) {
    return absl::DataLossError(absl::StrCat("cannot read ", path, ": ", strerror(error)));
  }
  return data;
}

}  // namespace waitscope::cli
