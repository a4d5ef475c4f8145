#include "agent/sinks/codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/sinks/sample_snapshot.h"

namespace waitscope {
namespace {

using testing::ElementsAre;

// Canonical JSON with original field names: what people and scripts see of a message.
std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string text;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return text;
}

void ExpectGolden(const google::protobuf::Message& message, const std::string& name) {
  const std::string path = std::string(GOLDEN_DIR) + "/" + name + ".json";
  const std::string text = Json(message);
  if (getenv("WAITSCOPE_ACCEPT_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str()) << "if the change is meant: ./dev golden --accept";
}

TEST(CodecGoldenTest, Processes) { ExpectGolden(EncodeProcesses(SampleSnapshot()), "processes"); }
TEST(CodecGoldenTest, Threads) { ExpectGolden(EncodeThreads(SampleSnapshot()), "threads"); }
TEST(CodecGoldenTest, Profile) {
  ExpectGolden(EncodeProfile(SampleSnapshot(), ProfileKind::kWall), "profile_wall");
}
TEST(CodecGoldenTest, Wakers) { ExpectGolden(EncodeWakers(SampleSnapshot()), "wakers"); }
TEST(CodecGoldenTest, Io) { ExpectGolden(EncodeIo(SampleSnapshot()), "io"); }
TEST(CodecGoldenTest, RunQueue) { ExpectGolden(EncodeRunQueue(SampleSnapshot()), "runq"); }
TEST(CodecGoldenTest, Syscalls) { ExpectGolden(EncodeSyscalls(SampleSnapshot()), "syscalls"); }
TEST(CodecGoldenTest, Snapshot) { ExpectGolden(EncodeSnapshot(SampleSnapshot()), "snapshot"); }

std::vector<std::string> ClassesOf(ProfileKind kind) {
  std::vector<std::string> classes;
  const v1::ProfileResponse response = EncodeProfile(SampleSnapshot(), kind);
  for (const v1::Sample& sample : response.samples()) {
    classes.push_back(sample.class_());
  }
  std::ranges::sort(classes);
  return classes;
}

TEST(ProfileKindTest, EachKindHasItsStatesAndClasses) {
  EXPECT_THAT(ClassesOf(ProfileKind::kOffCpu), ElementsAre("disk", "network", "woken"));
  EXPECT_THAT(ClassesOf(ProfileKind::kOnCpu), ElementsAre("running"));
  EXPECT_THAT(ClassesOf(ProfileKind::kWall), ElementsAre("disk", "network", "running", "woken"));
  EXPECT_THAT(ClassesOf(ProfileKind::kRunQueue), ElementsAre("woken"));
  EXPECT_THAT(ClassesOf(ProfileKind::kDisk), ElementsAre("disk"));
  EXPECT_THAT(ClassesOf(ProfileKind::kLock), ElementsAre());
  EXPECT_THAT(ClassesOf(ProfileKind::kWaker), ElementsAre("disk", "network"));
}

TEST(ProfileKindTest, WordsAreReadBack) {
  for (const char* word : {"off-cpu", "on-cpu", "wall", "runq", "disk", "lock", "waker"}) {
    const auto kind = ParseProfileKind(word);
    ASSERT_TRUE(kind) << word;
    EXPECT_EQ(ProfileKindWord(*kind), word);
  }
  EXPECT_EQ(ParseProfileKind(""), ProfileKind::kOffCpu);
  EXPECT_FALSE(ParseProfileKind("offcpu"));
}

TEST(ProfileTest, ExactTotalsComeFromTheLedgers) {
  const Snapshot snapshot = SampleSnapshot();
  const auto exact = [&](ProfileKind kind) {
    return EncodeProfile(snapshot, kind).exact_total_ns() / 1'000'000;
  };
  EXPECT_EQ(exact(ProfileKind::kOnCpu), 100u);
  EXPECT_EQ(exact(ProfileKind::kRunQueue), 25u);
  EXPECT_EQ(exact(ProfileKind::kDisk), 75u + 999u);
  EXPECT_EQ(exact(ProfileKind::kOffCpu), 25u + 800 + 75 + 999 + 1000);
  EXPECT_EQ(exact(ProfileKind::kWall), 100u + 25 + 800 + 75 + 999 + 1000);
}

TEST(ProfileTest, OnlyTheWakerViewTellsWakersApart) {
  Snapshot snapshot;
  SampleKey key{.thread = kServer, .cls = WAIT_lock, .user_stack = 2, .context = WAKER_task};
  key.waker = kWorker;
  snapshot.samples[key] = {10e6, 1};
  key.waker = kKernelThread;
  snapshot.samples[key] = {5e6, 1};
  EXPECT_EQ(EncodeProfile(snapshot, ProfileKind::kLock).samples_size(), 1);
  EXPECT_EQ(EncodeProfile(snapshot, ProfileKind::kLock).samples(0).ns(), 15'000'000u);
  EXPECT_EQ(EncodeProfile(snapshot, ProfileKind::kWaker).samples_size(), 2);
}

TEST(ProfileTest, AStackThatNeverArrivedSaysSo) {
  const v1::ProfileResponse response = EncodeProfile(SampleSnapshot(), ProfileKind::kOnCpu);
  const v1::Stack& stack = response.stacks(static_cast<int>(response.samples(0).user_stack()));
  EXPECT_EQ(stack.frames_size(), 0);
  EXPECT_FALSE(stack.truncated().empty());
}

TEST(ThreadsTest, StatesAndResidualAddUpToWall) {
  const v1::ThreadsResponse response = EncodeThreads(SampleSnapshot());
  for (const v1::Thread& thread : response.threads()) {
    EXPECT_EQ(
        static_cast<int64_t>(thread.running_ns() + thread.runnable_ns() + thread.blocked_ns()) +
            thread.residual_ns(),
        static_cast<int64_t>(thread.wall_ns()));
  }
}

TEST(IoTest, ColumnsAreAsIostatPrintsThem) {
  const v1::Device device = EncodeIo(SampleSnapshot()).devices(0);
  EXPECT_DOUBLE_EQ(device.reads_per_s(), 100);
  EXPECT_DOUBLE_EQ(device.read_kb_per_s(), 400);
  EXPECT_DOUBLE_EQ(device.write_kb_per_s(), 100);
  EXPECT_DOUBLE_EQ(device.read_await_ms(), 3);
  EXPECT_DOUBLE_EQ(device.write_await_ms(), 4);
  EXPECT_DOUBLE_EQ(device.queue_size(), 0.34);
  EXPECT_DOUBLE_EQ(device.utilization(), 28);
}

TEST(EmptySnapshotTest, EveryViewAnswersForNothing) {
  const Snapshot nothing;
  EXPECT_EQ(EncodeProcesses(nothing).processes_size(), 0);
  EXPECT_EQ(EncodeThreads(nothing).threads_size(), 0);
  EXPECT_EQ(EncodeProfile(nothing, ProfileKind::kWall).total_ns(), 0u);
  EXPECT_EQ(EncodeIo(nothing).devices_size(), 0);
  EXPECT_EQ(EncodeRunQueue(nothing).latency().count(), 0u);
  EXPECT_EQ(EncodeSnapshot(nothing).threads_size(), 0);
}

}  // namespace
}  // namespace waitscope
