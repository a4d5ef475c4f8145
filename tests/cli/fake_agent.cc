#include "tests/cli/fake_agent.h"

#include <grpcpp/grpcpp.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "tests/cli/samples.h"
#include "waitscope/v1/query.grpc.pb.h"

namespace waitscope::cli {
namespace {

class Service final : public v1::Query::Service {
 public:
  explicit Service(FakeBehavior behavior) : behavior_(std::move(behavior)) {}

  grpc::Status GetStatus(grpc::ServerContext*, const v1::StatusRequest*,
                         v1::Status* response) override {
    *response = SampleStatus();
    return grpc::Status::OK;
  }

  grpc::Status ListThreads(grpc::ServerContext*, const v1::ViewRequest* request,
                           v1::ThreadsResponse* response) override {
    *response = SampleThreads();
    return Seen(*request);
  }

  grpc::Status ListPools(grpc::ServerContext*, const v1::ViewRequest* request,
                         v1::PoolsResponse* response) override {
    *response = SamplePools();
    return Seen(*request);
  }

  grpc::Status ListLoops(grpc::ServerContext*, const v1::ViewRequest* request,
                         v1::LoopsResponse* response) override {
    *response = SampleLoops();
    return Seen(*request);
  }

  grpc::Status ListLocks(grpc::ServerContext*, const v1::ViewRequest* request,
                         v1::LocksResponse* response) override {
    *response = SampleLocks();
    return Seen(*request);
  }

  grpc::Status GetProfile(grpc::ServerContext*, const v1::ProfileRequest* request,
                          v1::ProfileResponse* response) override {
    *response = SampleProfile();
    response->set_kind(request->kind());
    return Answer();
  }

  grpc::Status Record(grpc::ServerContext* context, const v1::RecordRequest*,
                      grpc::ServerWriter<v1::RecordChunk>* writer) override {
    for (const std::string& data : behavior_.chunks) {
      v1::RecordChunk chunk;
      chunk.set_data(data);
      writer->Write(chunk);
    }
    while (behavior_.recording_hangs_at_end && !context->IsCancelled()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return Answer();
  }

  v1::ViewRequest last_view() {
    const std::lock_guard lock(mutex_);
    return last_view_;
  }

 private:
  grpc::Status Seen(const v1::ViewRequest& request) {
    {
      const std::lock_guard lock(mutex_);
      last_view_ = request;
    }
    return Answer();
  }

  grpc::Status Answer() {
    const int code = behavior_.before_answer();
    if (code == 0) return grpc::Status::OK;
    return grpc::Status(static_cast<grpc::StatusCode>(code), behavior_.error_message);
  }

  FakeBehavior behavior_;
  std::mutex mutex_;
  v1::ViewRequest last_view_;
};

std::string MakeDirectory() {
  std::string path = std::filesystem::temp_directory_path() / "waitscope-fake-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) abort();
  return path;
}

}  // namespace

struct FakeAgent::Server {
  explicit Server(FakeBehavior behavior)
      : directory(MakeDirectory()), service(std::move(behavior)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + directory + "/agent.sock",
                             grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
  }

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    server->Shutdown(std::chrono::system_clock::now());
    server->Wait();
    std::filesystem::remove_all(directory);
  }

  std::string directory;
  Service service;
  std::unique_ptr<grpc::Server> server;
};

FakeAgent::FakeAgent(FakeBehavior behavior)
    : server_(std::make_unique<Server>(std::move(behavior))) {}

FakeAgent::~FakeAgent() = default;

Endpoint FakeAgent::endpoint() const {
  Endpoint endpoint;
  endpoint.address = "unix:" + server_->directory + "/agent.sock";
  return endpoint;
}

v1::ViewRequest FakeAgent::last_view() const { return server_->service.last_view(); }

void FakeAgent::Kill() { server_->server->Shutdown(std::chrono::system_clock::now()); }

}  // namespace waitscope::cli
