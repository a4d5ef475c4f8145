#include "agent/core/processes.h"

#include <gmock/gmock.h>

namespace waitscope {
namespace {

using testing::SizeIs;

void AddThread(Snapshot& snapshot, uint32_t pid, uint32_t tid, const char* comm, bool born) {
  ThreadWindow thread;
  thread.key = {pid, tid, 1};
  thread.comm = comm;
  thread.born = born;
  thread.totals.wall_ns = 100;
  snapshot.threads[thread.key] = thread;
}

TEST(Processes, SumTheirThreads) {
  Snapshot snapshot;
  AddThread(snapshot, 10, 9, "early", true);  // a thread may have a smaller tid than its leader
  AddThread(snapshot, 10, 10, "server", false);
  AddThread(snapshot, 10, 12, "worker", true);
  AddThread(snapshot, 20, 21, "orphan", false);
  const auto processes = Processes(snapshot);
  ASSERT_THAT(processes, SizeIs(2));
  EXPECT_EQ(processes[0].comm, "server");
  EXPECT_EQ(processes[0].threads, 3u);
  EXPECT_EQ(processes[0].created, 2u);
  EXPECT_EQ(processes[0].totals.wall_ns, 300u);
  EXPECT_EQ(processes[1].comm, "orphan") << "its leader was not seen";
}

}  // namespace
}  // namespace waitscope
