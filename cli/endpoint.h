// Where an agent or a collector listens, and how to speak to it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/options.h"

namespace waitscope::cli {

inline constexpr absl::string_view kDefaultEndpoint = "unix:/run/waitscope/agent.sock";

struct Endpoint {
  std::string address;  // as gRPC takes it: "unix:/path" or "host:port"
  bool is_default = false;
  bool tls = false;
  std::string tls_ca;    // PEM text; empty: the system's
  std::string tls_cert;  // PEM text; empty: none
  std::string tls_key;
  std::string tls_server_name;
  absl::Duration timeout = absl::Seconds(10);

  bool IsUnix() const;
};

// Reads the TLS files. TCP beyond loopback is always TLS: agents refuse plain text there.
absl::StatusOr<Endpoint> ResolveEndpoint(const EndpointOptions& options);

}  // namespace waitscope::cli
