// Pools, loops, locks and findings over a real socket.
#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/agent/service_fixture.h"

namespace waitscope {
namespace {

using google::protobuf::util::TimeUtil;
using testing::Contains;
using testing::HasSubstr;

class GroupsServiceTest : public testing::Test {
 protected:
  static v1::ViewRequest For(int64_t duration_ms) {
    v1::ViewRequest request;
    *request.mutable_range()->mutable_duration() = TimeUtil::MillisecondsToDuration(duration_ms);
    return request;
  }

  TemporaryDirectory directory_;
  RunningAgent agent_{{.worker_threads = 3, .worker_pid = static_cast<uint32_t>(getpid())},
                      {.listen = {"unix:" + (directory_ / "agent.sock")}}};
  std::unique_ptr<v1::Query::Stub> stub_ = Connect(agent_.address());
  grpc::Status status_;
};

TEST_F(GroupsServiceTest, PoolsOfADurationHaveTheirThreads) {
  grpc::ClientContext context;
  v1::PoolsResponse response;
  status_ = stub_->ListPools(&context, For(200), &response);
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(response.header().schema(), "waitscope.pools/v1");
  ASSERT_EQ(response.pools_size(), 1);
  EXPECT_EQ(response.pools(0).name(), "worker");
  EXPECT_EQ(response.pools(0).threads(), 2u);  // and its process has a main thread
  EXPECT_EQ(response.pools(0).home().nature(), "poll");
  EXPECT_EQ(agent_.source().times_wanted(), 1);  // for the age of unread requests
}

TEST_F(GroupsServiceTest, LocksNameWordAndWaiter) {
  grpc::ClientContext context;
  v1::LocksResponse response;
  status_ = stub_->ListLocks(&context, For(200), &response);
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(response.header().schema(), "waitscope.locks/v1");
  ASSERT_EQ(response.locks_size(), 1);
  EXPECT_EQ(response.locks(0).name(), "0x7f00");
  EXPECT_EQ(response.locks(0).kind(), "mutex");
  EXPECT_EQ(response.locks(0).threads(0).tid(), kLockerPid);
  EXPECT_GT(response.locks(0).p99_ns(), 0u);
  EXPECT_EQ(response.locks(0).holder().known_by(), "");
}

TEST_F(GroupsServiceTest, ViewsOfProcessesAreNarrowedToTheTarget) {
  grpc::ClientContext context;
  v1::ViewRequest request = For(200);
  request.mutable_target()->add_comms("worker");
  v1::LocksResponse response;
  status_ = stub_->ListLocks(&context, request, &response);
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(response.locks_size(), 0);
}

TEST_F(GroupsServiceTest, LoopsCountSystemCallsMeanwhile) {
  grpc::ClientContext context;
  v1::LoopsResponse response;
  status_ = stub_->ListLoops(&context, For(200), &response);
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(response.header().schema(), "waitscope.loops/v1");
  EXPECT_EQ(agent_.source().times_wanted(), 1);
}

TEST_F(GroupsServiceTest, LoopsOfThePastSayThatNothingWasCounted) {
  v1::ViewRequest request;
  *request.mutable_range()->mutable_since() = TimeUtil::MillisecondsToDuration(200);
  grpc::ClientContext context;
  v1::LoopsResponse response;
  status_ = stub_->ListLoops(&context, request, &response);
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(agent_.source().times_wanted(), 0);
  EXPECT_THAT(response.header().notes(), Contains(HasSubstr("--duration")));
}

TEST_F(GroupsServiceTest, ViewsOfAProcessThatNeverWasAreErrors) {
  v1::ViewRequest request = For(60'000);
  request.mutable_target()->add_pids(kLockerPid + 1);
  grpc::ClientContext pools_context;
  grpc::ClientContext locks_context;
  v1::PoolsResponse pools;
  v1::LocksResponse locks;
  EXPECT_EQ(stub_->ListPools(&pools_context, request, &pools).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(stub_->ListLocks(&locks_context, request, &locks).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(GroupsServiceTest, StatusSaysHowOftenFindingsWereLookedFor) {
  v1::Status status;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  do {
    grpc::ClientContext again;
    ASSERT_TRUE(stub_->GetStatus(&again, {}, &status).ok());
  } while (status.diagnoses() == 0 && std::chrono::steady_clock::now() < limit);
  EXPECT_GE(status.diagnoses(), 1u);
  EXPECT_EQ(status.findings_size(), 0);
}

}  // namespace
}  // namespace waitscope
