// The Query service: turns requests into questions to the backend, and snapshots into answers.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/sinks/backend.h"
#include "waitscope/v1/query.grpc.pb.h"

namespace waitscope {

class QueryService final : public v1::Query::Service {
 public:
  explicit QueryService(Backend& backend) : backend_(backend) {}

  grpc::Status GetStatus(grpc::ServerContext* context, const v1::StatusRequest* request,
                         v1::Status* response) override;
  grpc::Status Mark(grpc::ServerContext* context, const v1::MarkRequest* request,
                    v1::MarkResponse* response) override;
  grpc::Status ListProcesses(grpc::ServerContext* context, const v1::ViewRequest* request,
                             v1::ProcessesResponse* response) override;
  grpc::Status ListThreads(grpc::ServerContext* context, const v1::ViewRequest* request,
                           v1::ThreadsResponse* response) override;
  grpc::Status GetProfile(grpc::ServerContext* context, const v1::ProfileRequest* request,
                          v1::ProfileResponse* response) override;
  grpc::Status GetWakers(grpc::ServerContext* context, const v1::ViewRequest* request,
                         v1::WakersResponse* response) override;
  grpc::Status GetIo(grpc::ServerContext* context, const v1::ViewRequest* request,
                     v1::IoResponse* response) override;
  grpc::Status GetRunQueue(grpc::ServerContext* context, const v1::ViewRequest* request,
                           v1::RunQueueResponse* response) override;
  grpc::Status GetSyscalls(grpc::ServerContext* context, const v1::ViewRequest* request,
                           v1::SyscallsResponse* response) override;
  grpc::Status ListPools(grpc::ServerContext* context, const v1::ViewRequest* request,
                         v1::PoolsResponse* response) override;
  grpc::Status ListLoops(grpc::ServerContext* context, const v1::ViewRequest* request,
                         v1::LoopsResponse* response) override;
  grpc::Status ListLocks(grpc::ServerContext* context, const v1::ViewRequest* request,
                         v1::LocksResponse* response) override;
  grpc::Status Diagnose(grpc::ServerContext* context, const v1::ViewRequest* request,
                        v1::Diagnosis* response) override;
  grpc::Status WatchSnapshots(grpc::ServerContext* context, const v1::WatchRequest* request,
                              grpc::ServerWriter<v1::WatchResponse>* writer) override;
  grpc::Status Record(grpc::ServerContext* context, const v1::RecordRequest* request,
                      grpc::ServerWriter<v1::RecordChunk>* writer) override;

 private:
  using Ask =
      absl::FunctionRef<absl::StatusOr<Answer>(const TimeAsked&, const Target&, Backend::GiveUp)>;

  // What `ask` answers, when the target exists.
  absl::StatusOr<Answer> Asked(grpc::ServerContext* context, const v1::Target& target,
                               const v1::TimeRange& range, Ask ask);
  // The part of the asked time that the target is about.
  absl::StatusOr<Answer> Narrowed(grpc::ServerContext* context, const v1::Target& target,
                                  const v1::TimeRange& range);
  template <typename Response>
  grpc::Status View(grpc::ServerContext* context, const v1::ViewRequest& request,
                    Response (*encode)(const Snapshot&), Response* response);
  template <typename Response>
  grpc::Status Admitted(grpc::ServerContext* context, const v1::ViewRequest& request,
                        Response (*encode)(const Snapshot&), Response* response);
  // What must see the whole machine to tell of the target.
  template <typename Response>
  grpc::Status OfMachine(grpc::ServerContext* context, const v1::ViewRequest& request,
                         Response (*encode)(const Snapshot&, const Target&), Response* response);
  absl::StatusOr<std::shared_ptr<void>> CountCalls(grpc::ServerContext* context,
                                                   const v1::TimeRange& range);
  absl::Status Watch(grpc::ServerContext* context, const v1::WatchRequest& request,
                     grpc::ServerWriter<v1::WatchResponse>* writer);

  Backend& backend_;
  std::atomic<int> streams_ = 0;
  std::atomic<int> views_ = 0;
};

}  // namespace waitscope
