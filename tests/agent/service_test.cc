// The Query service over a real socket, asked as a client asks.
#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>
#include <thread>

#include "agent/source/replay_source.h"
#include "tests/agent/service_fixture.h"

namespace waitscope {
namespace {

using google::protobuf::util::TimeUtil;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(slice.begin(), slice.end());
  return bytes;
}

class ServiceTest : public testing::Test {
 protected:
  static TickingSource::Options Machine() {
    return {.worker_pid = static_cast<uint32_t>(getpid())};
  }

  static v1::ViewRequest For(int64_t duration_ms) {
    v1::ViewRequest request;
    *request.mutable_range()->mutable_duration() = TimeUtil::MillisecondsToDuration(duration_ms);
    return request;
  }

  v1::ThreadsResponse Threads(const v1::ViewRequest& request) {
    grpc::ClientContext context;
    v1::ThreadsResponse response;
    status_ = stub_->ListThreads(&context, request, &response);
    return response;
  }

  v1::ProfileResponse Profile(const std::string& kind) {
    grpc::ClientContext context;
    v1::ProfileRequest request;
    request.set_kind(kind);
    *request.mutable_range() = For(100).range();
    v1::ProfileResponse response;
    status_ = stub_->GetProfile(&context, request, &response);
    return response;
  }

  TemporaryDirectory directory_;
  std::string socket_ = directory_ / "deep/er/agent.sock";
  RunningAgent agent_{Machine(), {.listen = {"unix:" + socket_}}};
  std::unique_ptr<v1::Query::Stub> stub_ = Connect(agent_.address());
  grpc::Status status_;
};

TEST_F(ServiceTest, ThreadsOfADurationAddUpToIt) {
  const v1::ThreadsResponse response = Threads(For(300));
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(response.header().schema(), "waitscope.threads/v1");
  EXPECT_EQ(response.header().host(), "made-up");
  ASSERT_EQ(response.threads_size(), 3);
  for (const v1::Thread& thread : response.threads()) {
    EXPECT_THAT(thread.wall_ns(), AllOf(Ge(300 * kMs), Le(2000 * kMs)));
    EXPECT_EQ(thread.residual_ns(), 0);
  }
  EXPECT_EQ(response.processes_size(), 2);
}

TEST_F(ServiceTest, ADiagnosisOfNothingWrongHasNoFindings) {
  grpc::ClientContext context;
  v1::Diagnosis diagnosis;
  const grpc::Status status = stub_->Diagnose(&context, For(300), &diagnosis);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(diagnosis.schema(), "waitscope.diagnosis/v1");
  EXPECT_EQ(diagnosis.header().host(), "made-up");
  EXPECT_EQ(diagnosis.findings_size(), 0);
}

TEST_F(ServiceTest, ADiagnosisOfAProcessThatNeverWasIsAnError) {
  grpc::ClientContext context;
  v1::ViewRequest request = For(300);
  request.mutable_target()->add_pids(4'000'000);
  v1::Diagnosis diagnosis;
  const grpc::Status status = stub_->Diagnose(&context, request, &diagnosis);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServiceTest, AnswersForTheLatestWindowComeAtOnce) {
  const v1::ThreadsResponse response = Threads({});
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(response.header().windows(), 1u);
}

TEST_F(ServiceTest, AMarkIsWhereALaterQuestionBegins) {
  grpc::ClientContext context;
  v1::MarkResponse mark;
  ASSERT_TRUE(stub_->Mark(&context, {}, &mark).ok());
  std::this_thread::sleep_for(milliseconds(120));
  v1::ViewRequest request;
  *request.mutable_range()->mutable_begin() = mark.at();
  const v1::ThreadsResponse response = Threads(request);
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(response.header().begin(), mark.at());
  EXPECT_GE(TimeUtil::DurationToMilliseconds(response.header().duration()), 120);
}

TEST_F(ServiceTest, ATargetNarrowsTheAnswer) {
  v1::ViewRequest request;
  request.mutable_target()->add_comms("locker");
  const v1::ThreadsResponse response = Threads(request);
  ASSERT_EQ(response.threads_size(), 1);
  EXPECT_EQ(response.threads(0).comm(), "locker");
}

TEST_F(ServiceTest, ProfilesNameTheirFrames) {
  const v1::ProfileResponse response = Profile("lock");
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  ASSERT_GT(response.samples_size(), 0);
  const v1::Sample& sample = response.samples(0);
  EXPECT_EQ(sample.class_(), "lock");
  EXPECT_EQ(sample.object().name(), "0x7f00");
  const v1::Stack& stack = response.stacks(static_cast<int>(sample.user_stack()));
  EXPECT_EQ(response.frames(static_cast<int>(stack.frames(0))).symbol(), "function_2001");
  EXPECT_GE(response.total_ns(), 100 * kMs);
}

TEST_F(ServiceTest, AnUnknownKindIsRefusedWithTheKinds) {
  Profile("off-gpu");
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status_.error_message(), HasSubstr("off-cpu"));
}

TEST_F(ServiceTest, AnUnknownProcessIsSaidToBeUnknownAtOnce) {
  v1::ViewRequest request = For(60'000);
  request.mutable_target()->add_pids(kLockerPid + 1);
  const auto begin = steady_clock::now();
  Threads(request);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status_.error_message(), HasSubstr("no process"));
  EXPECT_LT(steady_clock::now() - begin, milliseconds(5000));
}

TEST_F(ServiceTest, AProcessThatHasVanishedIsAnsweredFromHistory) {
  v1::ViewRequest request;
  request.mutable_target()->add_pids(kLockerPid);  // in the windows, not in /proc
  EXPECT_EQ(Threads(request).threads_size(), 1);
  EXPECT_TRUE(status_.ok()) << status_.error_message();
}

TEST_F(ServiceTest, ABadDurationIsRefusedWithWhatToWrite) {
  for (const int64_t bad_ms : {int64_t{0}, int64_t{-5}, int64_t{90'000'000'000}}) {
    Threads(For(bad_ms));
    EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << bad_ms;
    EXPECT_THAT(status_.error_message(), HasSubstr("duration must be")) << bad_ms;
  }
}

TEST_F(ServiceTest, TimesBeyondAllMeasureAreRefused) {
  v1::ViewRequest request;
  request.mutable_range()->mutable_begin()->set_seconds(INT64_MAX);
  Threads(request);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_range()->mutable_since()->set_seconds(INT64_MAX);
  Threads(request);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext context;
  v1::WatchRequest watch;
  watch.mutable_interval()->set_seconds(INT64_MAX);
  v1::WatchResponse message;
  const auto reader = stub_->WatchSnapshots(&context, watch);
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, CancellingReturnsSoonAndFreesTheServer) {
  grpc::ClientContext context;
  const auto begin = steady_clock::now();
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(100));
    context.TryCancel();
  });
  v1::ThreadsResponse response;
  status_ = stub_->ListThreads(&context, For(60'000), &response);
  canceller.join();
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_LT(steady_clock::now() - begin, milliseconds(3000));
}

TEST_F(ServiceTest, ADeadlineIsHonoured) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(200));
  const auto begin = steady_clock::now();
  v1::ThreadsResponse response;
  status_ = stub_->ListThreads(&context, For(60'000), &response);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_LT(steady_clock::now() - begin, milliseconds(3000));
}

TEST_F(ServiceTest, SystemCallsAreMeasuredOnlyWhileSomebodyAsks) {
  EXPECT_FALSE(agent_.source().syscalls_wanted());
  std::thread asker([this] {
    grpc::ClientContext context;
    v1::SyscallsResponse response;
    EXPECT_TRUE(stub_->GetSyscalls(&context, For(500), &response).ok());
  });
  const auto limit = steady_clock::now() + milliseconds(5000);
  bool wanted = false;
  while (!wanted && steady_clock::now() < limit) wanted = agent_.source().syscalls_wanted();
  EXPECT_TRUE(wanted);
  asker.join();
  while (agent_.source().syscalls_wanted() && steady_clock::now() < limit) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_FALSE(agent_.source().syscalls_wanted());
}

TEST_F(ServiceTest, LookingAtPastSystemCallsAttachesNothing) {
  v1::ViewRequest request;
  *request.mutable_range()->mutable_since() = TimeUtil::MillisecondsToDuration(200);
  grpc::ClientContext context;
  v1::SyscallsResponse response;
  ASSERT_TRUE(stub_->GetSyscalls(&context, request, &response).ok());
  EXPECT_EQ(agent_.source().times_wanted(), 0);
}

TEST_F(ServiceTest, TheDeadlineHoldsWhileSystemCallProgramsAreAttached) {
  agent_.source().Hold();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(200));
  v1::SyscallsResponse response;
  status_ = stub_->GetSyscalls(&context, For(100), &response);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  agent_.source().GoOn();
}

TEST_F(ServiceTest, EveryWindowReachesAReaderWhoKeepsUp) {
  grpc::ClientContext context;
  auto reader = stub_->WatchSnapshots(&context, {});
  v1::WatchResponse message;
  uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(reader->Read(&message));
    if (i > 0) {
      EXPECT_EQ(message.snapshot().sequence(), last + 1 + message.missed());
    }
    last = message.snapshot().sequence();
    EXPECT_EQ(message.snapshot().threads_size(), 3);
  }
  context.TryCancel();
}

TEST_F(ServiceTest, AnIntervalSetsTheLengthOfWatchedWindows) {
  grpc::ClientContext context;
  v1::WatchRequest request;
  *request.mutable_interval() = TimeUtil::MillisecondsToDuration(200);
  auto reader = stub_->WatchSnapshots(&context, request);
  v1::WatchResponse message;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(reader->Read(&message));
    EXPECT_GE(TimeUtil::DurationToMilliseconds(message.snapshot().header().duration()), 150);
  }
  context.TryCancel();
}

TEST_F(ServiceTest, ARecordingReplays) {
  grpc::ClientContext context;
  v1::RecordRequest request;
  *request.mutable_duration() = TimeUtil::MillisecondsToDuration(150);
  auto reader = stub_->Record(&context, request);
  std::string log;
  v1::RecordChunk chunk;
  while (reader->Read(&chunk)) log += chunk.data();
  ASSERT_TRUE(reader->Finish().ok());
  auto source = ReplaySource::Read(std::make_unique<std::istringstream>(log), "the recording");
  ASSERT_TRUE(source.ok()) << source.status();
  int ticks = 0;
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) {
    more = (*source)->Poll(
        [&](const Event& event) { ticks += std::holds_alternative<tick_event>(event) ? 1 : 0; });
  }
  EXPECT_TRUE(more.ok()) << more.status();
  EXPECT_GE(ticks, 2);
}

TEST_F(ServiceTest, StatusTellsWhatIsKept) {
  Threads({});
  grpc::ClientContext context;
  v1::Status status;
  ASSERT_TRUE(stub_->GetStatus(&context, {}, &status).ok());
  EXPECT_EQ(status.threads(), 3u);
  EXPECT_GE(status.history_windows(), 1u);
  EXPECT_FALSE(status.replay());
}

TEST_F(ServiceTest, ReflectionListsTheQueryService) {
  grpc::GenericStub generic(
      grpc::CreateChannel(agent_.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto done = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const grpc::Slice list_services("\x3a\x01*");
  const grpc::ByteBuffer request(&list_services, 1);
  grpc::ByteBuffer answer;
  auto call = generic.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(done());
  call->Write(request, nullptr);
  ASSERT_TRUE(done());
  call->Read(&answer, nullptr);
  ASSERT_TRUE(done());
  EXPECT_THAT(BytesOf(answer), HasSubstr("waitscope.v1.Query"));
  call->WritesDone(nullptr);
  ASSERT_TRUE(done());
  call->Finish(&status_, nullptr);
  EXPECT_TRUE(done() && status_.ok());
}

TEST_F(ServiceTest, HealthAnswersServing) {
  grpc::GenericStub generic(
      grpc::CreateChannel(agent_.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice nothing;  // asks for the whole server
  auto call = generic.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                       grpc::ByteBuffer(&nothing, 1), &queue);
  grpc::ByteBuffer answer;
  call->StartCall();
  call->Finish(&answer, &status_, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  ASSERT_TRUE(status_.ok());
  EXPECT_EQ(BytesOf(answer), "\x08\x01");  // status: SERVING
}

TEST_F(ServiceTest, TheSocketIsItsOwnersOnly) {
  struct stat found {};
  ASSERT_EQ(stat(socket_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0077, 0u);
}

TEST_F(ServiceTest, ASecondAgentIsRefusedWithThePidOfTheFirst) {
  const auto second = Server::Claim({.listen = {"unix:" + socket_}});
  EXPECT_TRUE(absl::IsAlreadyExists(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(std::to_string(getpid())));
  EXPECT_TRUE(Threads({}).has_header());  // the first still answers
}

TEST(SlowReaderTest, AReaderWhoFallsBehindGetsTheLatestAndTheCountOfWhatItMissed) {
  const TemporaryDirectory directory;
  // A window is larger than what this client's transport is willing to hold.
  RunningAgent agent({.window_ns = 20 * kMs, .worker_threads = 1000},
                     {.listen = {"unix:" + (directory / "a.sock")}});
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65'536);
  const auto stub = v1::Query::NewStub(
      grpc::CreateCustomChannel(agent.address(), grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  auto reader = stub->WatchSnapshots(&context, {});
  v1::WatchResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_GT(message.ByteSizeLong(), 65'536u);
  // Until far more windows have closed than could be in flight.
  const int enough = agent.source().ticks() + 20;
  while (agent.source().ticks() < enough) std::this_thread::sleep_for(milliseconds(10));
  uint64_t missed = 0;
  int read = 0;
  while (missed == 0 && read < 20 && reader->Read(&message)) {
    missed += message.missed();
    ++read;
  }
  EXPECT_GT(missed, 0u);
  EXPECT_LT(read, 20);
  context.TryCancel();
}

}  // namespace
}  // namespace waitscope
