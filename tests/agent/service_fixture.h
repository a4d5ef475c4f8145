// A whole agent in the test's process: made-up machine, pipeline, gRPC server, and a client.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "agent/answers.h"
#include "agent/pipeline.h"
#include "agent/sinks/server.h"
#include "tests/agent/ticking_source.h"
#include "waitscope/v1/query.grpc.pb.h"

namespace waitscope {

class TemporaryDirectory {
 public:
  TemporaryDirectory() { path_ = mkdtemp(path_.data()); }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/tmp/waitscope-test-XXXXXX";
};

class RunningAgent {
 public:
  RunningAgent(const TickingSource::Options& machine, const ServerOptions& options)
      : source_(machine), pipeline_(source_, symbolizer_, {}), answers_(pipeline_, {}) {
    auto server = Server::Claim(options);
    if (!server.ok()) ADD_FAILURE() << server.status();
    server_ = *std::move(server);
    if (absl::Status status = server_->Start(answers_); !status.ok()) ADD_FAILURE() << status;
    pipeline_.Start();
  }
  RunningAgent(const RunningAgent&) = delete;
  RunningAgent& operator=(const RunningAgent&) = delete;
  ~RunningAgent() {
    pipeline_.Stop();
    server_.reset();
  }

  TickingSource& source() { return source_; }
  std::string address() const { return server_->addresses().at(0); }

 private:
  TickingSource source_;
  SpellingSymbolizer symbolizer_;
  Pipeline pipeline_;
  Answers answers_;
  std::unique_ptr<Server> server_;
};

inline std::unique_ptr<v1::Query::Stub> Connect(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials =
                                    grpc::InsecureChannelCredentials()) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return v1::Query::NewStub(grpc::CreateCustomChannel(address, credentials, arguments));
}

}  // namespace waitscope
