#include "agent/sinks/unix_socket.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

std::string LockPath(const std::string& path) { return path + ".lock"; }

absl::Status Failed(const std::string& path, const std::string& what, int error) {
  const std::string text =
      absl::StrCat("cannot listen on unix:", path, ": ", what, ": ", strerror(error));
  if (error == EACCES || error == EPERM) {
    return absl::PermissionDeniedError(
        absl::StrCat(text, "; run as root, or choose a path you may write with --listen"));
  }
  return absl::UnavailableError(absl::StrCat(text, "; choose another path with --listen"));
}

absl::Status InUse(const std::string& path, const std::string& pid) {
  return absl::AlreadyExistsError(absl::StrCat(
      "another agent (pid ", pid, ") already serves unix:", path, "; use it (waitscope status), ",
      "stop it with: kill ", pid, ", or choose another path with --listen unix:PATH"));
}

absl::Status MakeDirectory(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!directory.empty()) std::filesystem::create_directories(directory, error);
  if (!error) return absl::OkStatus();
  return Failed(path, absl::StrCat("the directory ", directory.string(), " cannot be made"),
                error.value());
}

// The pid of whoever serves the socket, or nothing when nobody does.
std::string ServerOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool served =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN;
  const bool known = served && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  close(fd);
  if (!served) return "";
  return known && peer.pid != 0 ? absl::StrCat(peer.pid) : "unknown";
}

std::string ReadPid(int fd) {
  char text[32] = "";
  const ssize_t size = pread(fd, text, sizeof text - 1, 0);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "unknown";
}

bool SameFile(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

// The lock outlives no process, so it tells a live agent from a dead one's files.
absl::StatusOr<int> Lock(const std::string& path) {
  const std::string lock_path = LockPath(path);
  for (;;) {
    const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return Failed(path, absl::StrCat("cannot open ", lock_path), errno);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const absl::Status status = InUse(path, ReadPid(fd));
      close(fd);
      return status;
    }
    // Its last owner may have removed the file between our open and our lock.
    if (SameFile(fd, lock_path)) return fd;
    close(fd);
  }
}

absl::Status ClearPath(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) return Failed(path, "a file that is no socket is there", EEXIST);
  const std::string server = ServerOf(path);
  if (!server.empty()) return InUse(path, server);
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed(path, "a dead agent's socket cannot be removed", errno);
}

}  // namespace

UnixSocketClaim::UnixSocketClaim(std::string lock_path, int lock_fd)
    : lock_path_(std::move(lock_path)), lock_fd_(lock_fd) {}

absl::StatusOr<std::unique_ptr<UnixSocketClaim>> UnixSocketClaim::Take(const std::string& path) {
  if (absl::Status status = MakeDirectory(path); !status.ok()) return status;
  absl::StatusOr<int> lock_fd = Lock(path);
  if (!lock_fd.ok()) return lock_fd.status();
  std::unique_ptr<UnixSocketClaim> claim(new UnixSocketClaim(LockPath(path), *lock_fd));
  const std::string pid = absl::StrCat(getpid());
  if (ftruncate(*lock_fd, 0) != 0 || pwrite(*lock_fd, pid.data(), pid.size(), 0) < 0) {
    return Failed(path, "cannot write the lock file", errno);
  }
  if (absl::Status status = ClearPath(path); !status.ok()) return status;
  claim->socket_path_ = path;
  return claim;
}

UnixSocketClaim::~UnixSocketClaim() {
  if (!socket_path_.empty()) unlink(socket_path_.c_str());
  unlink(lock_path_.c_str());
  close(lock_fd_);
}

}  // namespace waitscope
