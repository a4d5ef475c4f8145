// Stacks whose process, file or mount namespace is gone or out of reach when they are named.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "agent/symbols/live_symbolizer.h"
#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

namespace fs = std::filesystem;
using testing::SamplePath;
using testing::SampleProcess;
using testing::ScratchDirectory;

std::string SymbolAt(LiveSymbolizer& symbolizer, const RawStack& stack) {
  const Stack resolved = symbolizer.Resolve(stack);
  return resolved.frames.empty() ? "truncated: " + resolved.truncated : resolved.frames[0].symbol;
}

RawStack AlphaOf(const SampleProcess& sample) {
  return {.id = 1, .pid = sample.pid(), .addresses = {sample.functions().at("sample_alpha")}};
}

TEST(VanishedProcess, IsNamedIfItWasRemembered) {
  SampleProcess sample(SamplePath("pie"));
  const RawStack stack = AlphaOf(sample);
  LiveSymbolizer symbolizer;
  symbolizer.Remember(sample.pid());
  sample.Stop();
  EXPECT_EQ(SymbolAt(symbolizer, stack), "sample_alpha");
}

TEST(VanishedProcess, SaysSoIfItWasNeverSeen) {
  SampleProcess sample(SamplePath("pie"));
  const RawStack stack = AlphaOf(sample);
  sample.Stop();
  LiveSymbolizer symbolizer;
  const Stack resolved = symbolizer.Resolve(stack);
  EXPECT_TRUE(resolved.frames.empty());
  EXPECT_EQ(resolved.truncated, "process exited before its mappings were read");
  EXPECT_EQ(symbolizer.stats().exited_stacks, 1u);
}

TEST(VanishedFile, IsReadThroughTheMappingWhileTheProcessLives) {
  const ScratchDirectory directory;
  const std::string copy = directory.path() + "/copy";
  fs::copy_file(SamplePath("pie"), copy);
  const SampleProcess sample(copy);
  fs::remove(copy);
  LiveSymbolizer symbolizer;
  const Stack stack = symbolizer.Resolve(AlphaOf(sample));
  EXPECT_EQ(stack.frames[0].module, "copy");
  EXPECT_EQ(stack.frames[0].symbol, geteuid() == 0 ? "sample_alpha" : "");
}

TEST(VanishedFile, IsReadBeforeItsProcessExits) {
  if (geteuid() != 0) GTEST_SKIP() << "opening a deleted file takes root";
  const ScratchDirectory directory;
  const std::string copy = directory.path() + "/copy";
  fs::copy_file(SamplePath("pie"), copy);
  SampleProcess sample(copy);
  const RawStack stack = AlphaOf(sample);
  fs::remove(copy);
  LiveSymbolizer symbolizer;
  symbolizer.Remember(sample.pid());
  sample.Stop();
  EXPECT_EQ(SymbolAt(symbolizer, stack), "sample_alpha");
}

TEST(VanishedFile, IsNotMistakenForTheFileThatReplacedIt) {
  const ScratchDirectory directory;
  const std::string copy = directory.path() + "/copy";
  fs::copy_file(SamplePath("pie"), copy);
  SampleProcess sample(copy);
  const RawStack stack = AlphaOf(sample);
  LiveSymbolizer symbolizer;
  symbolizer.Remember(sample.pid());
  sample.Stop();
  fs::copy_file(SamplePath("static"), copy + ".new");
  fs::rename(copy + ".new", copy);
  EXPECT_EQ(SymbolAt(symbolizer, stack), "");
  EXPECT_EQ(symbolizer.stats().files_unavailable, 1u);
}

// A directory of its own for the child, which nobody else sees.
class OtherMountNamespace : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "a mount namespace takes root";
  }

  std::string program() const { return directory_.path() + "/hidden/program"; }

  void Enter() const {
    const std::string hidden = directory_.path() + "/hidden";
    std::error_code error;
    fs::create_directories(hidden, error);
    const bool entered = unshare(CLONE_NEWNS) == 0 &&
                         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         mount("tmpfs", hidden.c_str(), "tmpfs", 0, nullptr) == 0 &&
                         fs::copy_file(SamplePath("pie"), program(), error);
    if (!entered) _exit(126);
  }

  ScratchDirectory directory_;
};

TEST_F(OtherMountNamespace, IsReachedThroughTheMapping) {
  const SampleProcess sample(program(), [this] { Enter(); });
  ASSERT_FALSE(fs::exists(program()));
  LiveSymbolizer symbolizer;
  EXPECT_EQ(SymbolAt(symbolizer, AlphaOf(sample)), "sample_alpha");
}

TEST_F(OtherMountNamespace, IsReachedThroughTheProcessesRoot) {
  const SampleProcess sample(program(), [this] { Enter(); });
  const ScratchDirectory proc;
  const std::string id = std::to_string(sample.pid());
  fs::create_directories(proc.path() + "/" + id);
  for (const char* name : {"maps", "task", "root"}) {
    fs::create_symlink("/proc/" + id + "/" + name, proc.path() + "/" + id + "/" + name);
  }
  LiveSymbolizer::Options options;
  options.proc_dir = proc.path();
  LiveSymbolizer symbolizer(options);
  EXPECT_EQ(SymbolAt(symbolizer, AlphaOf(sample)), "sample_alpha");
}

TEST_F(OtherMountNamespace, IsRememberedPastTheExit) {
  SampleProcess sample(program(), [this] { Enter(); });
  const RawStack stack = AlphaOf(sample);
  LiveSymbolizer symbolizer;
  symbolizer.Remember(sample.pid());
  sample.Stop();
  EXPECT_EQ(SymbolAt(symbolizer, stack), "sample_alpha");
}

}  // namespace
}  // namespace waitscope
