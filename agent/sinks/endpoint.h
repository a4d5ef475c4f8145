// Where to serve: a unix socket or a TCP address, and whether plain text may be spoken there.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace waitscope {

struct Endpoint {
  std::string text;  // as given
  std::string path;  // of a unix socket; empty for TCP
  std::string host;  // numeric
  int port = 0;
  bool loopback = false;  // unix sockets too: nobody off this machine can reach them

  bool IsUnix() const { return !path.empty(); }
  // As gRPC names it: "unix:/run/a.sock", "127.0.0.1:80", "[::1]:80".
  std::string Uri() const;
};

absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text);

// Binds and lets go again, so that a refusal can be told with its reason. AlreadyExists when
// somebody else listens there.
absl::Status CheckTcpFree(const Endpoint& endpoint);

}  // namespace waitscope
