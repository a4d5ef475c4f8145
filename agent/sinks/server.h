// The gRPC server: Query, health and reflection, on unix sockets and TCP.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/sinks/backend.h"
#include "agent/sinks/tls_files.h"

namespace waitscope {

struct ServerOptions {
  std::vector<std::string> listen;  // unix:PATH or HOST:PORT
  TlsPaths tls;                     // empty paths: plain text, on loopback only
};

class Server {
 public:
  // Checks and claims every address, without serving yet. AlreadyExists when another agent serves
  // one; InvalidArgument for addresses and certificates that cannot be used, plain text off
  // loopback among them.
  static absl::StatusOr<std::unique_ptr<Server>> Claim(const ServerOptions& options);
  // Ends calls in progress and removes the sockets.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Serves until the destructor. What other threads make while it starts is their owner's alone.
  absl::Status Start(Backend& backend);

  // As given, with the port the kernel chose where it was 0.
  std::vector<std::string> addresses() const;

 private:
  struct Listener;
  struct Running;
  Server();

  std::vector<Listener> listeners_;
  std::unique_ptr<Running> running_;
};

}  // namespace waitscope
