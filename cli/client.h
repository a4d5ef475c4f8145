// The Query service as plain calls. client.cc is the only place that knows gRPC.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/endpoint.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

// Every call ends: with an answer, when the agent is gone, at its deadline (the time it measures
// plus the endpoint's timeout), or when `tick` says so.
class Client {
 public:
  // Called about twenty times a second while waiting; false gives the call up.
  using Tick = std::function<bool()>;

  Client(const Endpoint& endpoint, Tick tick);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  absl::StatusOr<v1::Status> GetStatus(const v1::StatusRequest& request = {});
  absl::StatusOr<v1::MarkResponse> Mark(const v1::MarkRequest& request = {});
  absl::StatusOr<v1::ProcessesResponse> ListProcesses(const v1::ViewRequest& request);
  absl::StatusOr<v1::ThreadsResponse> ListThreads(const v1::ViewRequest& request);
  absl::StatusOr<v1::ProfileResponse> GetProfile(const v1::ProfileRequest& request);
  absl::StatusOr<v1::WakersResponse> GetWakers(const v1::ViewRequest& request);
  absl::StatusOr<v1::IoResponse> GetIo(const v1::ViewRequest& request);
  absl::StatusOr<v1::RunQueueResponse> GetRunQueue(const v1::ViewRequest& request);
  absl::StatusOr<v1::SyscallsResponse> GetSyscalls(const v1::ViewRequest& request);
  absl::StatusOr<v1::PoolsResponse> ListPools(const v1::ViewRequest& request);
  absl::StatusOr<v1::LoopsResponse> ListLoops(const v1::ViewRequest& request);
  absl::StatusOr<v1::LocksResponse> ListLocks(const v1::ViewRequest& request);
  absl::StatusOr<v1::Diagnosis> Diagnose(const v1::ViewRequest& request);

  // Hands on each chunk as it comes. A tick that says stop ends the recording without error.
  absl::Status Record(const v1::RecordRequest& request,
                      const std::function<absl::Status(absl::string_view)>& on_chunk);

  void set_tick(Tick tick);

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace waitscope::cli
