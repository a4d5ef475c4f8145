#include "cli/endpoint.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/duration.h"
#include "cli/output_file.h"

namespace waitscope::cli {
namespace {

bool IsLoopback(absl::string_view host) {
  return host == "localhost" || host == "[::1]" || absl::StartsWith(host, "127.");
}

absl::Status CheckAddress(absl::string_view address) {
  if (absl::StartsWith(address, "unix:") && address.size() > 5) return absl::OkStatus();
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon != absl::string_view::npos && colon > 0 &&
      absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 && port < 65536) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--endpoint \"", address, "\": give unix:PATH or HOST:PORT, like 10.0.0.7:9470"));
}

absl::Status ReadTlsFiles(const EndpointOptions& options, Endpoint* endpoint) {
  const struct {
    const std::string& path;
    std::string* text;
  } files[] = {{options.tls_ca, &endpoint->tls_ca},
               {options.tls_cert, &endpoint->tls_cert},
               {options.tls_key, &endpoint->tls_key}};
  for (const auto& file : files) {
    if (file.path.empty()) continue;
    absl::StatusOr<std::string> text = ReadFile(file.path);
    if (!text.ok()) return text.status();
    *file.text = *std::move(text);
  }
  if (endpoint->tls_cert.empty() != endpoint->tls_key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key go together: give both or none");
  }
  return absl::OkStatus();
}

}  // namespace

bool Endpoint::IsUnix() const { return absl::StartsWith(address, "unix:"); }

absl::StatusOr<Endpoint> ResolveEndpoint(const EndpointOptions& options) {
  Endpoint endpoint;
  endpoint.is_default = options.endpoint.empty() || options.endpoint == kDefaultEndpoint;
  endpoint.address = endpoint.is_default ? std::string(kDefaultEndpoint) : options.endpoint;
  if (absl::Status status = CheckAddress(endpoint.address); !status.ok()) return status;
  const absl::StatusOr<absl::Duration> timeout = ParseDuration("--timeout", options.timeout);
  if (!timeout.ok()) return timeout.status();
  endpoint.timeout = *timeout;
  if (absl::Status status = ReadTlsFiles(options, &endpoint); !status.ok()) return status;
  endpoint.tls_server_name = options.tls_server_name;
  const absl::string_view host =
      absl::string_view(endpoint.address).substr(0, endpoint.address.rfind(':'));
  const bool asked_for_tls =
      !options.tls_ca.empty() || !options.tls_cert.empty() || !options.tls_server_name.empty();
  endpoint.tls = !endpoint.IsUnix() && (asked_for_tls || !IsLoopback(host));
  return endpoint;
}

}  // namespace waitscope::cli
