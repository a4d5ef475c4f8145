#include "cli/client.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <chrono>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cli/render/style.h"
#include "waitscope/v1/query.grpc.pb.h"

namespace waitscope::cli {
namespace {

constexpr absl::Duration kTickInterval = absl::Milliseconds(50);
constexpr int kKeepaliveMs = 10'000;

std::shared_ptr<grpc::ChannelCredentials> Credentials(const Endpoint& endpoint) {
  if (!endpoint.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = endpoint.tls_ca;
  options.pem_cert_chain = endpoint.tls_cert;
  options.pem_private_key = endpoint.tls_key;
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> OpenChannel(const Endpoint& endpoint) {
  // Failures reach people as messages of ours, not as the library's log.
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function([](gpr_log_func_args*) {});
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!endpoint.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(endpoint.tls_server_name);
  }
  return grpc::CreateCustomChannel(endpoint.address, Credentials(endpoint), arguments);
}

std::chrono::system_clock::time_point After(absl::Duration duration) {
  return std::chrono::system_clock::now() + absl::ToChronoMicroseconds(duration);
}

}  // namespace

struct Client::Connection {
  Connection(const Endpoint& where, Tick on_tick)
      : endpoint(where), tick(std::move(on_tick)), stub(v1::Query::NewStub(OpenChannel(where))) {}

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    queue.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
    }
  }

  // Waits for the one operation under way, ticking meanwhile. Returns whether it went well.
  bool Await(grpc::ClientContext* context) {
    void* tag = nullptr;
    bool ok = false;
    while (queue.AsyncNext(&tag, &ok, After(kTickInterval)) == grpc::CompletionQueue::TIMEOUT) {
      if (!given_up && tick && !tick()) {
        given_up = true;
        context->TryCancel();
      }
    }
    return ok;
  }

  absl::Status Explain(const grpc::Status& status, absl::Duration allowed) const {
    if (status.ok()) return absl::OkStatus();
    if (given_up) return absl::CancelledError("interrupted");
    const std::string agent = absl::StrCat("the agent at ", endpoint.address);
    const std::string said = Printable(status.error_message());
    switch (status.error_code()) {
      case grpc::StatusCode::UNAVAILABLE:
      case grpc::StatusCode::CANCELLED:
        return absl::UnavailableError(
            answered ? absl::StrCat(agent, " went away or cannot answer now: ", said)
                     : absl::StrCat(agent, " cannot be reached: ", said));
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        return absl::DeadlineExceededError(absl::StrCat(
            agent, " gave no answer within ", absl::FormatDuration(allowed),
            ". It may be overloaded or the network may be down; --timeout waits longer"));
      case grpc::StatusCode::UNIMPLEMENTED:
        return absl::UnimplementedError(
            absl::StrCat(agent, " is too old for this question: upgrade it"));
      default:
        return absl::Status(static_cast<absl::StatusCode>(status.error_code()), said);
    }
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (
                                    v1::Query::Stub::*method)(grpc::ClientContext*, const Request&,
                                                              grpc::CompletionQueue*),
                                const Request& request, absl::Duration measuring) {
    grpc::ClientContext context;
    const absl::Duration allowed = measuring + endpoint.timeout;
    context.set_deadline(After(allowed));
    given_up = false;
    Response response;
    grpc::Status status;
    const auto reader = (stub.get()->*method)(&context, request, &queue);
    reader->Finish(&response, &status, nullptr);
    Await(&context);
    if (!status.ok()) return Explain(status, allowed);
    answered = true;
    return response;
  }

  Endpoint endpoint;
  Tick tick;
  std::unique_ptr<v1::Query::Stub> stub;
  grpc::CompletionQueue queue;
  bool given_up = false;
  bool answered = false;  // at least once
};

Client::Client(const Endpoint& endpoint, Tick tick)
    : connection_(std::make_unique<Connection>(endpoint, std::move(tick))) {}

Client::~Client() = default;

void Client::set_tick(Tick tick) { connection_->tick = std::move(tick); }

absl::StatusOr<v1::Status> Client::GetStatus(const v1::StatusRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncGetStatus, request, absl::ZeroDuration());
}

absl::StatusOr<v1::MarkResponse> Client::Mark(const v1::MarkRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncMark, request, absl::ZeroDuration());
}

absl::StatusOr<v1::ProcessesResponse> Client::ListProcesses(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncListProcesses, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::ThreadsResponse> Client::ListThreads(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncListThreads, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::ProfileResponse> Client::GetProfile(const v1::ProfileRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncGetProfile, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::WakersResponse> Client::GetWakers(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncGetWakers, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::IoResponse> Client::GetIo(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncGetIo, request, MeasuringTime(request.range()));
}

absl::StatusOr<v1::RunQueueResponse> Client::GetRunQueue(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncGetRunQueue, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::SyscallsResponse> Client::GetSyscalls(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncGetSyscalls, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::PoolsResponse> Client::ListPools(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncListPools, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::LoopsResponse> Client::ListLoops(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncListLoops, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::LocksResponse> Client::ListLocks(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncListLocks, request,
                           MeasuringTime(request.range()));
}

absl::StatusOr<v1::Diagnosis> Client::Diagnose(const v1::ViewRequest& request) {
  return connection_->Call(&v1::Query::Stub::AsyncDiagnose, request,
                           MeasuringTime(request.range()));
}

absl::Status Client::Record(const v1::RecordRequest& request,
                            const std::function<absl::Status(absl::string_view)>& on_chunk) {
  grpc::ClientContext context;
  const bool endless = !request.has_duration();
  const absl::Duration allowed = absl::Seconds(request.duration().seconds()) +
                                 absl::Nanoseconds(request.duration().nanos()) +
                                 connection_->endpoint.timeout;
  if (!endless) context.set_deadline(After(allowed));
  connection_->given_up = false;
  const auto reader =
      connection_->stub->AsyncRecord(&context, request, &connection_->queue, nullptr);
  connection_->Await(&context);
  absl::Status written;
  v1::RecordChunk chunk;
  while (true) {
    reader->Read(&chunk, nullptr);
    if (!connection_->Await(&context)) break;
    if (written.ok()) written = on_chunk(chunk.data());
    if (!written.ok()) context.TryCancel();
  }
  grpc::Status status;
  reader->Finish(&status, nullptr);
  connection_->Await(&context);
  if (!written.ok()) return written;
  if (connection_->given_up) return absl::OkStatus();
  return connection_->Explain(status, allowed);
}

}  // namespace waitscope::cli
