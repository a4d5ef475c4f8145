#include "agent/core/facts.h"

#include <gmock/gmock.h>

#include "agent/core/wire_text.h"
#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ThreadKey kThread{.pid = 10, .tid = 11, .start_ns = 7};

process_event ProcessWith(uint32_t pid, const char* cgroup) {
  process_event event{};
  event.pid = pid;
  event.parent_pid = 1;
  SetText(event.cgroup, cgroup);
  return event;
}

life_event LifeOf(life_kind kind, const char* comm) {
  life_event event{};
  event.kind = kind;
  event.thread = {kThread.pid, kThread.tid, kThread.start_ns};
  event.creator = {5, 5, 1};
  SetText(event.comm, comm);
  return event;
}

Snapshot CloseWith(FactStage& stage, std::initializer_list<ThreadKey> threads) {
  Snapshot snapshot;
  for (const ThreadKey& key : threads) snapshot.threads[key].parent_pid = 3;
  stage.Close(snapshot);
  return snapshot;
}

TEST(Facts, ProcessesOfTheWindowAreTold) {
  FactStage stage;
  stage.Fold(ProcessWith(10, "/a.service"));
  stage.Fold(ProcessWith(99, "/absent"));
  const Snapshot snapshot = CloseWith(stage, {kThread, {.pid = 12, .tid = 12, .start_ns = 1}});
  EXPECT_EQ(snapshot.processes.at(10).cgroup, "/a.service");
  EXPECT_EQ(snapshot.processes.at(12).parent_pid, 3u) << "the ledger tells, /proc did not yet";
  EXPECT_FALSE(snapshot.processes.contains(99));
}

TEST(Facts, ProcessWithoutThreadsIsForgotten) {
  FactStage stage;
  stage.Fold(ProcessWith(10, "/a.service"));
  CloseWith(stage, {});
  CloseWith(stage, {});
  EXPECT_EQ(CloseWith(stage, {kThread}).processes.at(10).cgroup, "");
}

TEST(Facts, LossesAndCostAreOfTheWindow) {
  FactStage stage;
  cost_event cost{};
  cost.at_ns = 1;
  cost.agent_cpu_ns = 100;
  cost.agent_rss_bytes = 1000;
  stage.Fold(LossOf(LOST_ring_full, 3));
  stage.Fold(cost);
  CloseWith(stage, {});
  cost.at_ns = 2;
  cost.agent_cpu_ns = 150;
  stage.Fold(LossOf(LOST_ring_full, 8));
  stage.Fold(cost);
  const Snapshot snapshot = CloseWith(stage, {});
  EXPECT_EQ(snapshot.losses[LOST_ring_full], 5u);
  EXPECT_EQ(snapshot.cost.agent_cpu_ns, 50u);
  EXPECT_EQ(snapshot.cost.agent_rss_bytes, 1000u);
}

TEST(Facts, NamesAreKeptOnlyForThreadsWithoutARow) {
  FactStage stage;
  stage.Fold(LifeOf(LIFE_exec, "worker"));
  EXPECT_EQ(CloseWith(stage, {}).comms.at(kThread), "worker");
  stage.Fold(LifeOf(LIFE_exec, "worker"));
  EXPECT_THAT(CloseWith(stage, {kThread}).comms, IsEmpty());
}

TEST(Facts, CreationsAddUpByTheCreatorsStack) {
  FactStage stage;
  life_event fork = LifeOf(LIFE_fork, "child");
  fork.user_stack = 6;
  stage.Fold(fork);
  stage.Fold(fork);
  const CreationKey key{.creator = {5, 5, 1}, .kernel_stack = 0, .user_stack = 6};
  EXPECT_THAT(CloseWith(stage, {}).creations, ElementsAre(std::pair(key, 2)));
  EXPECT_THAT(CloseWith(stage, {}).creations, IsEmpty());
}

TEST(Facts, NamesThatAreNoTextBecomeText) {
  FactStage stage;
  process_event process{};
  process.pid = 5;
  SetText(process.command, "caf\xe9 \x1b[31m");
  SetText(process.cgroup, "/a\nb");
  stage.Fold(process);
  const Snapshot snapshot = CloseWith(stage, {{5, 5, 1}});
  EXPECT_EQ(snapshot.processes.at(5).command, "caf? ?[31m");
  EXPECT_EQ(snapshot.processes.at(5).cgroup, "/a?b");
}

TEST(Facts, LimitsAreALineEach) {
  FactStage stage;
  host_event host{};
  SetText(host.hostname, "vm");
  SetText(host.limits, "no BTF of modules\nno kprobes\n");
  stage.Fold(host);
  const Snapshot snapshot = CloseWith(stage, {});
  EXPECT_EQ(snapshot.host.hostname, "vm");
  EXPECT_THAT(snapshot.host.limits, ElementsAre("no BTF of modules", "no kprobes"));
}

}  // namespace
}  // namespace waitscope
