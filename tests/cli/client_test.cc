#include "cli/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "cli/exit_code.h"
#include "tests/cli/fake_agent.h"

namespace waitscope::cli {
namespace {

using testing::HasSubstr;

bool KeepOn() { return true; }

int Linger(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  return 0;
}

v1::ViewRequest RequestFor(int64_t nanos) {
  v1::ViewRequest request;
  request.mutable_range()->mutable_duration()->set_nanos(static_cast<int32_t>(nanos));
  return request;
}

TEST(Client, GetsAnAnswer) {
  FakeAgent agent;
  Client client(agent.endpoint(), KeepOn);
  v1::ViewRequest request;
  request.mutable_target()->add_pids(4711);
  const absl::StatusOr<v1::ThreadsResponse> response = client.ListThreads(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->threads_size(), 5);
  EXPECT_EQ(agent.last_view().target().pids(0), 4711U);
}

TEST(Client, NobodyThereIsNoAgentAtOnce) {
  Endpoint nowhere;
  nowhere.address = "unix:/nowhere/agent.sock";
  Client client(nowhere, KeepOn);
  const absl::Status status = client.GetStatus().status();
  EXPECT_EQ(ExitCodeOf(status), kNoAgent);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("unix:/nowhere/agent.sock cannot be reached"));
}

TEST(Client, AnAgentThatNeverAnswersMeetsTheDeadline) {
  FakeAgent agent({.before_answer = [] { return Linger(1500); }});
  Endpoint endpoint = agent.endpoint();
  endpoint.timeout = absl::Milliseconds(200);
  Client client(endpoint, KeepOn);
  const auto began = std::chrono::steady_clock::now();
  const absl::Status status = client.ListThreads(RequestFor(100'000'000)).status();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(1400));
  EXPECT_EQ(ExitCodeOf(status), kNoAgent);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--timeout"));
}

TEST(Client, TheTimeItMeasuresIsNotHeldAgainstTheAgent) {
  FakeAgent agent({.before_answer = [] { return Linger(500); }});
  Endpoint endpoint = agent.endpoint();
  endpoint.timeout = absl::Milliseconds(400);
  Client client(endpoint, KeepOn);
  EXPECT_TRUE(client.ListThreads(RequestFor(500'000'000)).ok());
}

TEST(Client, AnAgentKilledOnTheWayIsSaidToBeGone) {
  FakeAgent agent({.before_answer = [] { return Linger(1500); }});
  Client client(agent.endpoint(), KeepOn);
  std::thread killer([&agent] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    agent.Kill();
  });
  ASSERT_TRUE(client.GetStatus().ok());
  const absl::Status status = client.ListThreads({}).status();
  killer.join();
  EXPECT_EQ(ExitCodeOf(status), kNoAgent);
  EXPECT_THAT(std::string(status.message()), HasSubstr("went away"));
}

TEST(Client, GivingUpIsAnInterruption) {
  FakeAgent agent({.before_answer = [] { return Linger(1000); }});
  int ticks = 0;
  Client client(agent.endpoint(), [&ticks] { return ++ticks < 3; });
  EXPECT_EQ(ExitCodeOf(client.ListThreads({}).status()), kInterrupted);
  EXPECT_EQ(ticks, 3);
}

TEST(Client, WhatTheAgentSaysOfATargetIsHandedOn) {
  FakeAgent agent({.before_answer = [] { return 5; }, .error_message = "no process 99"});
  Client client(agent.endpoint(), KeepOn);
  const absl::Status status = client.ListThreads({}).status();
  EXPECT_EQ(ExitCodeOf(status), kNothingMatched);
  EXPECT_EQ(status.message(), "no process 99");
}

TEST(Client, AQuestionTheAgentDoesNotKnowAsksForAnUpgrade) {
  FakeAgent agent;
  Client client(agent.endpoint(), KeepOn);
  const absl::Status status = client.GetWakers({}).status();
  EXPECT_EQ(ExitCodeOf(status), kFailure);
  EXPECT_THAT(std::string(status.message()), HasSubstr("upgrade"));
}

TEST(Client, ARecordingArrivesInOrder) {
  FakeAgent agent({.chunks = {"one ", "two ", "three"}});
  Client client(agent.endpoint(), KeepOn);
  std::string all;
  const absl::Status status = client.Record({}, [&all](absl::string_view data) {
    all += std::string(data);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(all, "one two three");
}

TEST(Client, ARecordingEndsInOrderWhenInterrupted) {
  FakeAgent agent({.chunks = {"one"}, .recording_hangs_at_end = true});
  int ticks = 0;
  Client client(agent.endpoint(), [&ticks] { return ++ticks < 4; });
  std::string all;
  const absl::Status status = client.Record({}, [&all](absl::string_view data) {
    all += std::string(data);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(all, "one");
}

TEST(Client, ADiskThatFillsUpEndsTheRecordingWithItsError) {
  FakeAgent agent({.chunks = {"one", "two"}, .recording_hangs_at_end = true});
  Client client(agent.endpoint(), KeepOn);
  const absl::Status status =
      client.Record({}, [](absl::string_view) { return absl::InternalError("disk full"); });
  EXPECT_EQ(status.message(), "disk full");
}

}  // namespace
}  // namespace waitscope::cli
