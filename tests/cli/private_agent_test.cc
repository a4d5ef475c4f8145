#include "cli/private_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace waitscope::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(MissingCapabilities, NamesWhatIsNotThere) {
  EXPECT_EQ(MissingCapabilities(0), "CAP_BPF, CAP_PERFMON");
  EXPECT_EQ(MissingCapabilities(uint64_t{1} << 39), "CAP_PERFMON");
  EXPECT_EQ(MissingCapabilities(uint64_t{1} << 38 | uint64_t{1} << 39), "");
  EXPECT_EQ(MissingCapabilities(uint64_t{1} << 21), "") << "CAP_SYS_ADMIN has both";
}

// A shell script in the place of waitscoped.
class PrivateAgentTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "waitscope-private-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
    setenv("TMPDIR", path.c_str(), 1);
  }

  void TearDown() override {
    unsetenv("TMPDIR");
    fs::remove_all(directory_);
  }

  absl::StatusOr<std::unique_ptr<PrivateAgent>> StartScript(const std::string& body) {
    const fs::path script = directory_ / "waitscoped";
    std::ofstream(script) << "#!/bin/sh\n" << body;
    fs::permissions(script, fs::perms::owner_all);
    return PrivateAgent::Start(script, {}, &interrupts_);
  }

  size_t DirectoriesLeft() const {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(directory_)) count += entry.is_directory();
    return count;
  }

  fs::path directory_;
  Interrupts interrupts_;
};

TEST_F(PrivateAgentTest, IsReadyWhenItSaysSoAndGoesWithItsOwner) {
  {
    const auto agent = StartScript("echo ready >&3; exec sleep 60\n");
    ASSERT_TRUE(agent.ok()) << agent.status();
    EXPECT_THAT((*agent)->endpoint(), HasSubstr("agent.sock"));
    EXPECT_EQ(DirectoriesLeft(), 1U);
  }
  EXPECT_EQ(DirectoriesLeft(), 0U);
}

TEST_F(PrivateAgentTest, AnAgentThatEndsInsteadIsQuoted) {
  const auto agent = StartScript("echo 'no BTF on this kernel' >&2; exit 4\n");
  ASSERT_FALSE(agent.ok());
  EXPECT_THAT(std::string(agent.status().message()), HasSubstr("no BTF on this kernel"));
  EXPECT_EQ(DirectoriesLeft(), 0U);
}

TEST_F(PrivateAgentTest, AProgramThatIsNotThereIsNoAgent) {
  const auto agent = PrivateAgent::Start(directory_ / "nothing", {}, &interrupts_);
  EXPECT_EQ(agent.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(DirectoriesLeft(), 0U);
}

}  // namespace
}  // namespace waitscope::cli
