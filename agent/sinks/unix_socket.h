// The claim on a unix socket's path: one agent at a time, and a dead agent's leftovers replaced.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace waitscope {

// Holds a lock beside the path for as long as it lives; removes socket and lock at the end.
class UnixSocketClaim {
 public:
  // Creates the directory, refuses when a live agent serves the path (AlreadyExists, with its
  // pid), and removes a socket nobody serves. A file that is no socket is left alone.
  static absl::StatusOr<std::unique_ptr<UnixSocketClaim>> Take(const std::string& path);
  ~UnixSocketClaim();
  UnixSocketClaim(const UnixSocketClaim&) = delete;
  UnixSocketClaim& operator=(const UnixSocketClaim&) = delete;

 private:
  UnixSocketClaim(std::string lock_path, int lock_fd);

  std::string socket_path_;  // empty until it is known to be ours to remove
  std::string lock_path_;
  int lock_fd_;
};

}  // namespace waitscope
