#include "agent/source/proc_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::StrEq;

const std::string kId(64, 'a');

TEST(CgroupPath, OfVersionTwoIsItsOnlyLine) {
  EXPECT_EQ(CgroupPath("0::/system.slice/nginx.service\n"), "/system.slice/nginx.service");
}

TEST(CgroupPath, OfVersionOneIsTheDeepest) {
  EXPECT_EQ(CgroupPath("12:pids:/docker/4711\n5:cpu,cpuacct:/docker\n1:name=systemd:/\n"),
            "/docker/4711");
}

TEST(CgroupPath, OfMixedVersionsIsTheSecondsUnlessThatIsTheRoot) {
  EXPECT_EQ(CgroupPath("4:memory:/a/long/path\n0::/unit\n"), "/unit");
  EXPECT_EQ(CgroupPath("4:memory:/a/long/path\n0::/\n"), "/a/long/path");
}

TEST(CgroupPath, MayHoldColons) { EXPECT_EQ(CgroupPath("0::/a:b/c\n"), "/a:b/c"); }

TEST(CgroupPath, OfNothingIsTheRoot) { EXPECT_EQ(CgroupPath(""), "/"); }

TEST(ContainerId, IsFoundHoweverEnginesNameTheirGroups) {
  for (const std::string& path : {
           "/docker/" + kId,                          // version 1
           "/system.slice/docker-" + kId + ".scope",  // version 2
           "/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-" + kId + ".scope",
           "/kubepods/besteffort/pod1-2/" + kId,
           "/machine.slice/libpod-" + kId + ".scope/container",
           "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + kId,
       }) {
    EXPECT_EQ(ContainerId(path), kId) << path;
  }
}

TEST(ContainerId, OfOtherGroupsIsEmpty) {
  EXPECT_EQ(ContainerId("/system.slice/docker.service"), "");
  EXPECT_EQ(ContainerId("/" + std::string(63, 'a')), "");
  EXPECT_EQ(ContainerId("/" + std::string(64, 'x')), "");
}

class ProcFactsTest : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(proc_); }

  void MakeProcess(uint32_t pid, const std::string& command) {
    const std::string directory = absl::StrCat(proc_, "/", pid, "/");
    fs::create_directories(directory);
    std::ofstream(directory + "stat") << pid << " (a) b) S 7 1 1 0\n";
    std::ofstream(directory + "cgroup") << "0::/docker/" << kId << "\n";
    std::ofstream(directory + "cmdline") << command << std::string("\0-x\0", 4);
  }

  std::vector<process_event> Told(uint32_t pid) {
    std::vector<process_event> told;
    facts_.Process(pid, [&](const Event& event) {
      if (const auto* process = std::get_if<process_event>(&event)) told.push_back(*process);
    });
    return told;
  }

  static std::string MakeDirectory() {
    std::string name = testing::TempDir() + "waitscope-proc-XXXXXX";
    return mkdtemp(name.data()) == nullptr ? "" : name;
  }

  std::string proc_ = MakeDirectory();
  ProcFacts facts_{proc_};
};

TEST_F(ProcFactsTest, AProcessIsToldOnce) {
  MakeProcess(42, "server");
  const std::vector<process_event> told = Told(42);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].parent_pid, 7u);
  EXPECT_THAT(told[0].command, StrEq("server -x"));
  EXPECT_THAT(told[0].cgroup, StrEq("/docker/" + kId));
  EXPECT_THAT(told[0].container, StrEq(kId));
  EXPECT_THAT(Told(42), IsEmpty());
}

TEST_F(ProcFactsTest, OneThatIsGoneStaysUntold) { EXPECT_THAT(Told(42), IsEmpty()); }

TEST_F(ProcFactsTest, AnotherOfTheSameNumberIsToldWhenTheExitOfTheFirstWasLost) {
  MakeProcess(42, "server");
  MakeProcess(43, "client");
  EXPECT_EQ(Told(42).size() + Told(43).size(), 2u);
  facts_.KeepOnly({43});
  MakeProcess(42, "another");
  const std::vector<process_event> told = Told(42);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0].command, StrEq("another -x"));
  EXPECT_THAT(Told(43), IsEmpty());
}

}  // namespace
}  // namespace waitscope
