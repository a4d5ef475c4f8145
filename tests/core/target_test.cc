#include "agent/core/target.h"

#include <gmock/gmock.h>

#include "tests/core/debug_string.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Targets : public testing::Test {
 protected:
  Targets() {
    Add(1, 1, "init", 0, "/");
    Add(100, 100, "server", 1, "/system.slice/server.service");
    Add(100, 101, "worker", 1, "/system.slice/server.service");
    Add(200, 200, "helper", 100, "/system.slice/server.service/child");
    Add(300, 300, "grandchild", 200, "/user.slice");
    Add(400, 400, "worker", 1, "/system.slice/server.service-2");
    snapshot_.processes[400].container = "4fd1c0ffee";
  }

  void Add(uint32_t pid, uint32_t tid, const char* comm, uint32_t parent, const char* cgroup) {
    ThreadWindow thread;
    thread.key = {pid, tid, 1};
    thread.comm = comm;
    thread.parent_pid = parent;
    snapshot_.threads[thread.key] = thread;
    snapshot_.samples[{.thread = thread.key, .kernel_stack = tid}].ns = 1;
    snapshot_.stacks[tid];
    snapshot_.processes[pid] = {
        .parent_pid = parent, .cgroup = cgroup, .container = "", .command = comm};
  }

  std::vector<uint32_t> Tids(const Target& target) {
    std::vector<uint32_t> tids;
    for (const auto& [key, thread] : Select(snapshot_, target).threads) tids.push_back(key.tid);
    return tids;
  }

  Snapshot snapshot_;
};

TEST_F(Targets, NothingSetIsTheWholeMachine) {
  EXPECT_THAT(Tids({}), ElementsAre(1, 100, 101, 200, 300, 400));
}

TEST_F(Targets, ValuesWidenAndFieldsNarrow) {
  EXPECT_THAT(Tids({.pids = {100, 200}}), ElementsAre(100, 101, 200));
  EXPECT_THAT(Tids({.pids = {100, 200}, .tids = {101, 300}}), ElementsAre(101));
}

TEST_F(Targets, CommIsTheThreadsOrItsProcesss) {
  EXPECT_THAT(Tids({.comms = {"worker"}}), ElementsAre(101, 400));
  EXPECT_THAT(Tids({.comms = {"server"}}), ElementsAre(100, 101));
}

TEST_F(Targets, CgroupIsAPrefixOfWholeComponents) {
  EXPECT_THAT(Tids({.cgroups = {"/system.slice/server.service"}}), ElementsAre(100, 101, 200));
  EXPECT_THAT(Tids({.cgroups = {"user.slice/"}}), ElementsAre(300));
  EXPECT_THAT(Tids({.cgroups = {"/"}}), ElementsAre(1, 100, 101, 200, 300, 400));
}

TEST_F(Targets, ContainerIsAnIdPrefix) {
  EXPECT_THAT(Tids({.containers = {"4fd1"}}), ElementsAre(400));
  EXPECT_THAT(Tids({.containers = {""}}), IsEmpty());
}

TEST_F(Targets, DescendantsFollowParentsAndCreators) {
  EXPECT_THAT(Tids({.pids = {100}, .descendants = true}), ElementsAre(100, 101, 200, 300));
  snapshot_.threads.at({400, 400, 1}).creator = {200, 200, 1};  // adopted by init since
  EXPECT_THAT(Tids({.pids = {200}, .descendants = true}), ElementsAre(200, 300, 400));
}

TEST_F(Targets, UnknownPidSelectsNothing) { EXPECT_THAT(Tids({.pids = {12345}}), IsEmpty()); }

TEST_F(Targets, OnlyTheTargetsRowsAndStacksStay) {
  snapshot_.syscalls[{.thread = {200, 200, 1}, .syscall = 0}].count = 1;
  snapshot_.errnos[{.pid = 400, .syscall = 0, .error = 11}] = 1;
  snapshot_.losses[LOST_ring_full] = 3;
  const Snapshot chosen = Select(snapshot_, {.pids = {400}});
  EXPECT_EQ(chosen.samples.size(), 1u);
  EXPECT_EQ(chosen.stacks.size(), 1u);
  EXPECT_TRUE(chosen.stacks.contains(400));
  EXPECT_THAT(chosen.syscalls, IsEmpty());
  EXPECT_EQ(chosen.errnos.size(), 1u);
  EXPECT_EQ(chosen.processes.size(), 1u);
  EXPECT_EQ(chosen.losses[LOST_ring_full], 3u) << "losses are the machine's";
  EXPECT_EQ(chosen.comms.at({100, 100, 1}), "server") << "a waker outside keeps its name";
}

// Selecting first and merging then is what history does, in less memory.
TEST_F(Targets, SelectingFromEachWindowIsSelectingFromTheMerged) {
  Snapshot first = snapshot_;
  first.begin_ns = 0;
  first.end_ns = 10;
  Snapshot second = snapshot_;
  second.begin_ns = 10;
  second.end_ns = 20;
  // Its parent has gone, and nothing in this window tells where it came from.
  second.threads.erase(second.threads.lower_bound({200, 0, 0}));
  second.processes.erase(200);
  second.processes.at(300).parent_pid = 1;
  second.threads.lower_bound({300, 0, 0})->second.parent_pid = 1;
  second.threads.lower_bound({400, 0, 0})->second.comm = "renamed";
  Snapshot whole = first;
  Merge(whole, second);
  Snapshot known = OnlyIdentities(first);
  Merge(known, OnlyIdentities(second));
  for (const Target& target :
       {Target{.pids = {100}}, Target{.pids = {100}, .descendants = true}, Target{.tids = {101}},
        Target{.comms = {"renamed"}}, Target{.comms = {"worker"}},
        Target{.cgroups = {"/system.slice/server.service"}}, Target{.containers = {"4fd1"}}}) {
    const bool of_whole = NeedsWhole(target);
    Snapshot merged = Select(first, of_whole ? known : first, target);
    Merge(merged, Select(second, of_whole ? known : second, target));
    EXPECT_EQ(DebugString(merged), DebugString(Select(whole, target)));
  }
}

}  // namespace
}  // namespace waitscope
