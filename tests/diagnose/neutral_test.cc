#include "tests/diagnose/neutral.h"

#include <gtest/gtest.h>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint32_t kOwn = 10;
constexpr uint32_t kForeign = 11;

Neutral Knowing(const wait_event& wait) {
  Neutral neutral(Replacements{{"/home/me/lab", "/lab"}});
  ledger_event ledger{};
  ledger.thread = {kOwn, kOwn, 1};
  neutral.Notice(ledger);
  neutral.Notice(wait);
  return neutral;
}

template <typename Record>
Record Kept(const Neutral& neutral, const Record& record) {
  const std::optional<Event> event = neutral.Of(record);
  EXPECT_TRUE(event.has_value());
  return event ? std::get<Record>(*event) : Record{};
}

TEST(NeutralLogs, ForeignWakersLoseTheirNames) {
  wait_event wait{};
  wait.thread = {kOwn, kOwn, 1};
  wait.waker = {kForeign, kForeign, 1};
  wait.waker_context = WAKER_softirq;
  SetText(wait.waker_comm, "mailer");
  const wait_event kept = Kept(Knowing(wait), wait);
  EXPECT_EQ(kept.waker.tid, 0u);
  EXPECT_EQ(Text(kept.waker_comm), "");
  EXPECT_EQ(kept.waker_context, WAKER_softirq);
  wait.waker = {kOwn, 12, 1};
  EXPECT_EQ(Text(Kept(Knowing(wait), wait).waker_comm), "mailer");
}

TEST(NeutralLogs, PathsAndCgroupsAreReplaced) {
  process_event process{};
  process.pid = kOwn;
  process.parent_pid = kForeign;
  SetText(process.command, "python3 /home/me/lab/aio.py");
  SetText(process.cgroup, "/user.slice/me");
  const process_event kept = Kept(Knowing({}), process);
  EXPECT_EQ(Text(kept.command), "python3 /lab/aio.py");
  EXPECT_EQ(Text(kept.cgroup), "/");
  EXPECT_EQ(kept.parent_pid, 0u);
  SetText(process.cgroup, "/waitscope-lab-4711");
  EXPECT_EQ(Text(Kept(Knowing({}), process).cgroup), "/lab");
}

TEST(NeutralLogs, OtherProcessesPortsAndGroupsAreLeftOut) {
  wait_event wait{};
  wait.object.peer_port = 5432;
  const Neutral neutral = Knowing(wait);
  process_event process{};
  process.pid = kForeign;
  EXPECT_FALSE(neutral.Of(process).has_value());
  listener_event listener{};
  listener.port = 22;
  EXPECT_FALSE(neutral.Of(listener).has_value());
  listener.port = 5432;
  EXPECT_TRUE(neutral.Of(listener).has_value());
  cgroup_event group{};
  SetText(group.path, "/user.slice");
  EXPECT_FALSE(neutral.Of(group).has_value());
}

TEST(NeutralLogs, AddressesBeyondThisMachineAreBlank) {
  wait_event wait{};
  wait.object.kind = OBJECT_socket;
  wait.object.peer_addr[0] = 192;
  EXPECT_EQ(Kept(Knowing(wait), wait).object.peer_addr[0], 0);
  wait.object.peer_addr[0] = 127;
  EXPECT_EQ(Kept(Knowing(wait), wait).object.peer_addr[0], 127);
}

TEST(NeutralLogs, TheHostKeepsItsKernelsLine) {
  host_event host{};
  SetText(host.hostname, "db-3");
  SetText(host.kernel, "6.1.0-18-amd64");
  const host_event kept = Kept(Knowing({}), host);
  EXPECT_EQ(Text(kept.hostname), "lab");
  EXPECT_EQ(Text(kept.kernel), "6.1");
}

}  // namespace
}  // namespace waitscope
