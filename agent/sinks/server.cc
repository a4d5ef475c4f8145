#include "agent/sinks/server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/sinks/endpoint.h"
#include "agent/sinks/query_service.h"
#include "agent/sinks/unix_socket.h"

namespace waitscope {
namespace {

using CredentialsPtr = std::shared_ptr<grpc::ServerCredentials>;

constexpr int kMaxThreads = 128;
constexpr int kMaxStreamsPerConnection = 64;
constexpr std::chrono::milliseconds kGrace(500);

absl::Status PlainTextRefused(const Endpoint& endpoint) {
  return absl::InvalidArgumentError(absl::StrCat(
      "refusing plain text on ", endpoint.text, ": others on the network could read and ask. Give ",
      "--tls-cert FILE and --tls-key FILE (and --tls-client-ca FILE to verify clients), or listen ",
      "on 127.0.0.1 or a unix socket"));
}

CredentialsPtr TlsCredentials(const TlsFiles& files) {
  const bool verify = !files.client_ca.empty();
  grpc::SslServerCredentialsOptions options(
      verify ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({files.key, files.cert});
  options.pem_root_certs = files.client_ca;
  return grpc::SslServerCredentials(options);
}

// Unix sockets are guarded by their file's mode, so they stay plain text.
absl::StatusOr<CredentialsPtr> CredentialsFor(const Endpoint& endpoint, const TlsPaths& tls) {
  if (endpoint.IsUnix()) return grpc::InsecureServerCredentials();
  if (!tls.cert.empty()) {
    absl::StatusOr<TlsFiles> files = ReadTlsFiles(tls);
    if (!files.ok()) return files.status();
    return TlsCredentials(*files);
  }
  if (endpoint.loopback) return grpc::InsecureServerCredentials();
  return PlainTextRefused(endpoint);
}

// The socket file comes into being for its owner only. So does what other threads and the processes
// that they start make meanwhile, directories too: those must stay open to their owner.
class PrivateFiles {
 public:
  PrivateFiles() : old_(umask(0077)) {}
  ~PrivateFiles() { umask(old_); }
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;

 private:
  mode_t old_;
};

// gRPC's own end waits for its poller, for as long as 10 s (1.51). It is left to the process's end,
// which needs none of it: by then every server of ours has been shut down.
void KeepGrpcUp() {
  static const bool kept = (grpc_init(), true);
  static_cast<void>(kept);
}

void Configure(grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota("waitscope");
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  // Two agents on one port would each get some of the questions.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  // A reader whose machine has vanished must not hold its stream for ever.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
}

absl::StatusOr<std::unique_ptr<UnixSocketClaim>> ClaimAddress(const Endpoint& endpoint) {
  if (endpoint.IsUnix()) return UnixSocketClaim::Take(endpoint.path);
  if (absl::Status free = CheckTcpFree(endpoint); !free.ok()) return free;
  return nullptr;
}

}  // namespace

struct Server::Listener {
  Endpoint endpoint;
  CredentialsPtr credentials;
  std::unique_ptr<UnixSocketClaim> claim;  // released after the server is gone
  int port = 0;
};

struct Server::Running {
  explicit Running(Backend& backend) : service(backend) {}

  QueryService service;
  std::unique_ptr<grpc::Server> server;
};

Server::Server() { KeepGrpcUp(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Claim(const ServerOptions& options) {
  std::unique_ptr<Server> server(new Server());
  for (const std::string& text : options.listen) {
    absl::StatusOr<Endpoint> endpoint = ParseEndpoint(text);
    if (!endpoint.ok()) return endpoint.status();
    absl::StatusOr<CredentialsPtr> credentials = CredentialsFor(*endpoint, options.tls);
    if (!credentials.ok()) return credentials.status();
    auto claim = ClaimAddress(*endpoint);
    if (!claim.ok()) return claim.status();
    server->listeners_.push_back(
        {*std::move(endpoint), *std::move(credentials), *std::move(claim), 0});
  }
  return server;
}

absl::Status Server::Start(Backend& backend) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  running_ = std::make_unique<Running>(backend);
  grpc::ServerBuilder builder;
  Configure(builder);
  for (Listener& listener : listeners_) {
    builder.AddListeningPort(listener.endpoint.Uri(), listener.credentials, &listener.port);
  }
  builder.RegisterService(&running_->service);
  {
    const PrivateFiles only_ours;
    running_->server = builder.BuildAndStart();
  }
  if (running_->server == nullptr) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", absl::StrJoin(addresses(), ", "), ": gRPC was refused there"));
  }
  return absl::OkStatus();
}

Server::~Server() {
  if (running_ == nullptr || running_->server == nullptr) return;
  running_->server->Shutdown(std::chrono::system_clock::now() + kGrace);
  running_->server->Wait();
}

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> texts;
  for (const Listener& listener : listeners_) {
    Endpoint endpoint = listener.endpoint;
    if (!endpoint.IsUnix() && listener.port != 0) endpoint.port = listener.port;
    texts.push_back(endpoint.Uri());
  }
  return texts;
}

}  // namespace waitscope
