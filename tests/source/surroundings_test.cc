#include "agent/source/surroundings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/source/proc_facts.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kPressure[] =
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=678\n";

TEST(Surroundings, PressureTotalsAreMicroseconds) {
  EXPECT_EQ(PressureTotalNs(kPressure, "some"), 12'345'000u);
  EXPECT_EQ(PressureTotalNs(kPressure, "full"), 678'000u);
  EXPECT_EQ(PressureTotalNs("", "some"), 0u);
  EXPECT_EQ(PressureTotalNs("some broken\n", "some"), 0u);
}

TEST(Surroundings, FlatKeyedFilesAreReadByKey) {
  EXPECT_EQ(FlatValue("nr_periods 12\nnr_throttled 7\n", "nr_throttled"), 7u);
  EXPECT_EQ(FlatValue("nr_periods 12\n", "nr_throttled"), 0u);
}

TEST(Surroundings, OnlyListeningPortsCount) {
  EXPECT_THAT(ListeningPorts("  sl  local_address rem_address   st tx_queue\n"
                             "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
                             "   1: 0100007F:9C40 0100007F:1F90 01 00000000:00000000\n"),
              ElementsAre(8080));
  EXPECT_THAT(ListeningPorts("garbage\n"), IsEmpty());
}

TEST(Surroundings, ControllersAreFoundInEitherVersion) {
  const CgroupMounts first = ParseCgroupMounts(
      "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
      "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
      "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
  EXPECT_EQ(first.cpu, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(first.memory, "/sys/fs/cgroup/memory");
  EXPECT_EQ(first.pids, "");
  EXPECT_EQ(first.unified, "/sys/fs/cgroup/unified");
}

constexpr char kMixed[] =
    "5:memory:/box/4711\n"
    "2:cpu,cpuacct:/shop\n"
    "1:pids:/\n"
    "0::/user.slice\n";

TEST(Surroundings, EachControllerMayHaveItsOwnCgroup) {
  EXPECT_EQ(CgroupOf(kMixed, "cpu"), "/shop");
  EXPECT_EQ(CgroupOf(kMixed, "memory"), "/box/4711");
  EXPECT_EQ(CgroupOf(kMixed, "pids"), "/");
  EXPECT_EQ(CgroupOf(kMixed, "io"), "/user.slice");
}

}  // namespace
}  // namespace waitscope
