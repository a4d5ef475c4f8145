#include "agent/sinks/query_service.h"

#include <google/protobuf/util/time_util.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/sinks/codec.h"
#include "agent/sinks/codec_status.h"
#include "agent/sinks/request.h"

namespace waitscope {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kMaxStreams = 32;
constexpr int kMaxViews = 64;

bool IsLate(const grpc::ServerContext& context) {
  return std::chrono::system_clock::now() >= context.deadline();
}

bool IsGone(grpc::ServerContext& context) { return context.IsCancelled() || IsLate(context); }

// Both sides number their codes alike.
grpc::Status ToGrpc(const absl::Status& status, const grpc::ServerContext& context) {
  if (status.ok()) return grpc::Status::OK;
  if (absl::IsCancelled(status) && IsLate(context)) {
    return {grpc::StatusCode::DEADLINE_EXCEEDED, "the deadline passed before the answer was there"};
  }
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// Counts a call in progress against a limit.
class Admission {
 public:
  Admission(std::atomic<int>& count, int limit) : count_(count), ok_(++count <= limit) {}
  ~Admission() { --count_; }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  bool ok() const { return ok_; }

 private:
  std::atomic<int>& count_;
  bool ok_;
};

grpc::Status TooMany(const char* what, int limit) {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          absl::StrCat("this agent answers at most ", limit, " ", what,
                       " at a time; end one and ask again")};
}

template <typename Response>
void SetFindings(const Answer& answer, Response* response) {
  if constexpr (requires { response->mutable_findings(); }) {
    *response->mutable_findings() = EncodeFindingNames(answer.snapshot, answer.findings);
  }
}

void AddNotes(const std::vector<std::string>& notes, v1::Header* header) {
  for (const std::string& note : notes) header->add_notes(note);
}

}  // namespace

absl::StatusOr<Answer> QueryService::Asked(grpc::ServerContext* context,
                                           const v1::Target& target_asked,
                                           const v1::TimeRange& range, Ask ask) {
  const absl::StatusOr<TimeAsked> time = DecodeTime(range);
  if (!time.ok()) return time.status();
  const Target target = DecodeTarget(target_asked);
  const bool live = !backend_.Status().replay;
  const auto give_up = [context] { return IsGone(*context); };
  // Nobody should wait ten seconds to hear that the process was never there.
  if (live && std::holds_alternative<FromNow>(*time)) {
    if (absl::Status exists = CheckExists(target, Snapshot(), live); !exists.ok()) return exists;
  }
  absl::StatusOr<Answer> answer = ask(*time, target, give_up);
  if (!answer.ok()) return answer;
  // It was there when the question came: what was seen of it is the answer, if only nothing.
  const bool may_vanish = std::holds_alternative<FromNow>(*time);
  if (!live || !may_vanish) {
    absl::Status exists = CheckExists(target, answer->snapshot, live);
    if (!exists.ok()) return exists;
  }
  return answer;
}

absl::StatusOr<Answer> QueryService::Narrowed(grpc::ServerContext* context,
                                              const v1::Target& target,
                                              const v1::TimeRange& range) {
  return Asked(context, target, range,
               [this](const TimeAsked& time, const Target& wanted, Backend::GiveUp give_up) {
                 return backend_.Ask(time, wanted, give_up);
               });
}

template <typename Response>
grpc::Status QueryService::View(grpc::ServerContext* context, const v1::ViewRequest& request,
                                Response (*encode)(const Snapshot&), Response* response) {
  const Admission admission(views_, kMaxViews);
  if (!admission.ok()) return TooMany("questions", kMaxViews);
  return Admitted(context, request, encode, response);
}

template <typename Response>
grpc::Status QueryService::Admitted(grpc::ServerContext* context, const v1::ViewRequest& request,
                                    Response (*encode)(const Snapshot&), Response* response) {
  const absl::StatusOr<Answer> answer = Narrowed(context, request.target(), request.range());
  if (!answer.ok()) return ToGrpc(answer.status(), *context);
  *response = encode(answer->snapshot);
  SetFindings(*answer, response);
  AddNotes(answer->notes, response->mutable_header());
  return grpc::Status::OK;
}

template <typename Response>
grpc::Status QueryService::OfMachine(grpc::ServerContext* context, const v1::ViewRequest& request,
                                     Response (*encode)(const Snapshot&, const Target&),
                                     Response* response) {
  const Target target = DecodeTarget(request.target());
  const absl::StatusOr<Answer> answer =
      Asked(context, request.target(), request.range(),
            [this](const TimeAsked& time, const Target&, Backend::GiveUp give_up) {
              return backend_.Ask(time, Target(), give_up);
            });
  if (!answer.ok()) return ToGrpc(answer.status(), *context);
  *response = encode(answer->snapshot, target);
  AddNotes(answer->notes, response->mutable_header());
  return grpc::Status::OK;
}

grpc::Status QueryService::ListProcesses(grpc::ServerContext* context,
                                         const v1::ViewRequest* request,
                                         v1::ProcessesResponse* response) {
  return View(context, *request, EncodeProcesses, response);
}

grpc::Status QueryService::ListThreads(grpc::ServerContext* context, const v1::ViewRequest* request,
                                       v1::ThreadsResponse* response) {
  return View(context, *request, EncodeThreads, response);
}

grpc::Status QueryService::GetWakers(grpc::ServerContext* context, const v1::ViewRequest* request,
                                     v1::WakersResponse* response) {
  return View(context, *request, EncodeWakers, response);
}

grpc::Status QueryService::GetIo(grpc::ServerContext* context, const v1::ViewRequest* request,
                                 v1::IoResponse* response) {
  return View(context, *request, EncodeIo, response);
}

grpc::Status QueryService::GetRunQueue(grpc::ServerContext* context, const v1::ViewRequest* request,
                                       v1::RunQueueResponse* response) {
  return View(context, *request, EncodeRunQueue, response);
}

grpc::Status QueryService::ListPools(grpc::ServerContext* context, const v1::ViewRequest* request,
                                     v1::PoolsResponse* response) {
  const Admission admission(views_, kMaxViews);
  if (!admission.ok()) return TooMany("questions", kMaxViews);
  const absl::StatusOr<std::shared_ptr<void>> lease = CountCalls(context, request->range());
  const grpc::Status status = OfMachine(context, *request, EncodePools, response);
  if (status.ok() && !lease.ok()) {
    response->mutable_header()->add_notes(absl::StrCat(
        "how long requests lie unread is not known: ", std::string(lease.status().message())));
  }
  return status;
}

grpc::Status QueryService::ListLocks(grpc::ServerContext* context, const v1::ViewRequest* request,
                                     v1::LocksResponse* response) {
  const Admission admission(views_, kMaxViews);
  if (!admission.ok()) return TooMany("questions", kMaxViews);
  absl::StatusOr<std::shared_ptr<void>> lease = std::shared_ptr<void>();
  if (request->range().has_duration()) {
    lease = backend_.LeaseKernelLocks([context] { return IsGone(*context); });
  }
  if (!lease.ok()) return ToGrpc(lease.status(), *context);
  return OfMachine(context, *request, EncodeLocks, response);
}

// The past has what was measured then, and nothing that is attached now changes it.
absl::StatusOr<std::shared_ptr<void>> QueryService::CountCalls(grpc::ServerContext* context,
                                                               const v1::TimeRange& range) {
  if (!range.has_duration()) return std::shared_ptr<void>();
  return backend_.LeaseSyscalls([context] { return IsGone(*context); });
}

grpc::Status QueryService::ListLoops(grpc::ServerContext* context, const v1::ViewRequest* request,
                                     v1::LoopsResponse* response) {
  const Admission admission(views_, kMaxViews);
  if (!admission.ok()) return TooMany("questions", kMaxViews);
  const absl::StatusOr<std::shared_ptr<void>> lease = CountCalls(context, request->range());
  const grpc::Status status = OfMachine(context, *request, EncodeLoopTurns, response);
  if (!status.ok()) return status;
  if (!lease.ok()) {
    response->mutable_header()->add_notes(absl::StrCat(
        "loops are known by their sampled waits only: ", std::string(lease.status().message())));
  } else if (!request->range().has_duration() &&
             std::ranges::none_of(response->loops(), &v1::LoopTurns::counted)) {
    response->mutable_header()->add_notes(
        "turns are counted only while somebody asks with a --duration, or records --syscalls");
  }
  return grpc::Status::OK;
}

grpc::Status QueryService::GetSyscalls(grpc::ServerContext* context, const v1::ViewRequest* request,
                                       v1::SyscallsResponse* response) {
  const Admission admission(views_, kMaxViews);
  if (!admission.ok()) return TooMany("questions", kMaxViews);
  const absl::StatusOr<std::shared_ptr<void>> lease = CountCalls(context, request->range());
  if (!lease.ok()) return ToGrpc(lease.status(), *context);
  const grpc::Status status = Admitted(context, *request, EncodeSyscalls, response);
  if (status.ok() && !request->range().has_duration() && response->syscalls().empty()) {
    response->mutable_header()->add_notes(
        "system calls are counted only while somebody asks: give a --duration");
  }
  return status;
}

grpc::Status QueryService::GetProfile(grpc::ServerContext* context,
                                      const v1::ProfileRequest* request,
                                      v1::ProfileResponse* response) {
  const std::optional<ProfileKind> kind = ParseProfileKind(request->kind());
  if (!kind) {
    return {grpc::StatusCode::INVALID_ARGUMENT,
            absl::StrCat("unknown kind '", request->kind(),
                         "': write off-cpu, on-cpu, wall, runq, disk, lock or waker")};
  }
  const Admission admission(views_, kMaxViews);
  if (!admission.ok()) return TooMany("questions", kMaxViews);
  const absl::StatusOr<Answer> answer = Narrowed(context, request->target(), request->range());
  if (!answer.ok()) return ToGrpc(answer.status(), *context);
  *response = EncodeProfile(answer->snapshot, *kind);
  AddNotes(answer->notes, response->mutable_header());
  return grpc::Status::OK;
}

grpc::Status QueryService::Diagnose(grpc::ServerContext* context, const v1::ViewRequest* request,
                                    v1::Diagnosis* response) {
  const Admission admission(views_, kMaxViews);
  if (!admission.ok()) return TooMany("questions", kMaxViews);
  const absl::StatusOr<Answer> answer =
      Asked(context, request->target(), request->range(),
            [this](const TimeAsked& time, const Target& target, Backend::GiveUp give_up) {
              return backend_.Diagnose(time, target, give_up);
            });
  if (!answer.ok()) return ToGrpc(answer.status(), *context);
  *response = EncodeDiagnosis(answer->snapshot, answer->findings);
  AddNotes(answer->notes, response->mutable_header());
  return grpc::Status::OK;
}

grpc::Status QueryService::GetStatus(grpc::ServerContext* context, const v1::StatusRequest*,
                                     v1::Status* response) {
  const AgentStatus status = backend_.Status();
  if (status.history_windows > 0) {
    const absl::StatusOr<Answer> latest =
        backend_.Ask(LatestWindow{}, Target(), [context] { return IsGone(*context); });
    if (latest.ok()) EncodeLatest(latest->snapshot, status.findings, *response);
  }
  EncodeStatus(status, *response);
  response->set_pid(static_cast<uint32_t>(getpid()));
  return grpc::Status::OK;
}

grpc::Status QueryService::Mark(grpc::ServerContext* context, const v1::MarkRequest*,
                                v1::MarkResponse* response) {
  const Admission admission(views_, kMaxViews);
  if (!admission.ok()) return TooMany("questions", kMaxViews);
  const absl::StatusOr<uint64_t> at = backend_.Mark([context] { return IsGone(*context); });
  if (!at.ok()) return ToGrpc(at.status(), *context);
  *response->mutable_at() = TimeUtil::NanosecondsToTimestamp(static_cast<int64_t>(*at));
  return grpc::Status::OK;
}

absl::Status QueryService::Watch(grpc::ServerContext* context, const v1::WatchRequest& request,
                                 grpc::ServerWriter<v1::WatchResponse>* writer) {
  Following next;
  if (request.interval().seconds() != 0 || request.interval().nanos() != 0) {
    const absl::StatusOr<uint64_t> interval_ns = DecodeDuration(request.interval(), "interval");
    if (!interval_ns.ok()) return interval_ns.status();
    next.interval_ns = *interval_ns;
  }
  const Target target = DecodeTarget(request.target());
  std::optional<uint64_t> last_sequence;
  for (;;) {
    absl::StatusOr<Answer> answer =
        backend_.Ask(next, Target(), [context] { return IsGone(*context); });
    if (absl::IsOutOfRange(answer.status())) return absl::OkStatus();
    if (!answer.ok()) return answer.status();
    const Snapshot& window = answer->snapshot;
    v1::WatchResponse message;
    *message.mutable_snapshot() =
        EncodeSnapshot(target.Everything() ? window : Select(window, target));
    *message.mutable_snapshot()->mutable_findings() = EncodeFindings(window, answer->findings);
    AddNotes(answer->notes, message.mutable_snapshot()->mutable_header());
    const uint64_t since_last = last_sequence ? window.sequence - *last_sequence : window.windows;
    message.set_missed(since_last - std::min<uint64_t>(since_last, window.windows));
    last_sequence = window.sequence;
    next.after_ns = window.end_ns;
    *answer = Answer();  // nobody should wait for this reader
    // Blocks while the reader's flow control says so; meanwhile windows pass it by.
    if (!writer->Write(message)) return absl::CancelledError("the reader is gone");
  }
}

grpc::Status QueryService::WatchSnapshots(grpc::ServerContext* context,
                                          const v1::WatchRequest* request,
                                          grpc::ServerWriter<v1::WatchResponse>* writer) {
  const Admission admission(streams_, kMaxStreams);
  if (!admission.ok()) return TooMany("streams", kMaxStreams);
  return ToGrpc(Watch(context, *request, writer), *context);
}

grpc::Status QueryService::Record(grpc::ServerContext* context, const v1::RecordRequest* request,
                                  grpc::ServerWriter<v1::RecordChunk>* writer) {
  const Admission admission(streams_, kMaxStreams);
  if (!admission.ok()) return TooMany("streams", kMaxStreams);
  RecordAsked asked{.duration_ns = 0, .target = DecodeTarget(request->target())};
  if (request->has_duration()) {
    const absl::StatusOr<uint64_t> ns = DecodeDuration(request->duration(), "duration");
    if (!ns.ok()) return ToGrpc(ns.status(), *context);
    asked.duration_ns = *ns;
  }
  if (!backend_.Status().replay) {
    const absl::Status exists = CheckExists(asked.target, Snapshot(), true);
    if (!exists.ok()) return ToGrpc(exists, *context);
  }
  std::shared_ptr<void> lease;
  if (request->syscalls()) {
    absl::StatusOr<std::shared_ptr<void>> leased =
        backend_.LeaseSyscalls([context] { return IsGone(*context); });
    if (!leased.ok()) return ToGrpc(leased.status(), *context);
    lease = *std::move(leased);
  }
  const auto write = [writer](std::string_view bytes) {
    v1::RecordChunk chunk;
    chunk.set_data(std::string(bytes));
    return writer->Write(chunk);
  };
  return ToGrpc(backend_.Record(asked, write, [context] { return IsGone(*context); }), *context);
}

}  // namespace waitscope
