#include "agent/symbols/jit_symbols.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using testing::FakeProcess;
using testing::ScratchDirectory;
using testing::WriteFakeProcess;

class JitSymbolsTest : public ::testing::Test {
 protected:
  JitSymbols Make(size_t max_bytes = 1 << 20) {
    return JitSymbols({.proc_dir = proc_.path(),
                       .max_bytes = max_bytes,
                       .reread_ns = 1000,
                       .miss_reread_ns = 100},
                      [this] { return now_ns_; });
  }

  Process Start(uint32_t pid, uint32_t own_pid, const std::string& perf_map) {
    WriteFakeProcess(proc_, {.pid = pid, .start_ticks = 5, .maps = "", .own_pid = own_pid});
    path_ = proc_.Write(std::to_string(pid) + "/root/tmp/perf-" + std::to_string(own_pid) + ".map",
                        perf_map);
    Process process;
    process.pid = pid;
    process.start_ticks = 5;
    return process;
  }

  ScratchDirectory proc_;
  int64_t now_ns_ = 1'000'000;
  std::string path_;
};

TEST_F(JitSymbolsTest, ReadsTheMapInTheProcessesOwnNamespaces) {
  const Process process = Start(4711, 12, "1000 20 py::handler:/app/main.py\n");
  EXPECT_EQ(Make().Lookup(process, 0x1001), "py::handler:/app/main.py");
}

TEST_F(JitSymbolsTest, SeesTheMapGrowButLooksSeldom) {
  const Process process = Start(4711, 12, "1000 20 first\n");
  JitSymbols symbols = Make();
  EXPECT_EQ(symbols.Lookup(process, 0x1000), "first");
  std::ofstream(path_, std::ios::app) << "2000 20 second\n";
  EXPECT_EQ(symbols.Lookup(process, 0x2000), "");
  now_ns_ += 1000;
  EXPECT_EQ(symbols.Lookup(process, 0x2000), "second");
}

TEST_F(JitSymbolsTest, LooksAgainSoonerForCodeItDoesNotKnowYet) {
  const Process process = Start(4711, 12, "1000 20 first\n");
  JitSymbols symbols = Make();
  EXPECT_EQ(symbols.Lookup(process, 0x1000), "first");
  std::ofstream(path_, std::ios::app) << "2000 20 second\n";
  now_ns_ += 200;
  EXPECT_EQ(symbols.Lookup(process, 0x1000), "first");
  EXPECT_EQ(symbols.Lookup(process, 0x2000), "second");
}

TEST_F(JitSymbolsTest, LooksEverMoreSeldomWhileItIsInVain) {
  const Process process = Start(4711, 12, "1000 20 first\n");
  JitSymbols symbols = Make();
  EXPECT_EQ(symbols.Lookup(process, 0x1000), "first");
  for (const int64_t pause_ns : {100, 100, 200}) {
    now_ns_ += pause_ns;
    EXPECT_EQ(symbols.Lookup(process, 0x2000), "");
  }
  std::ofstream(path_, std::ios::app) << "2000 20 second\n";
  now_ns_ += 300;
  EXPECT_EQ(symbols.Lookup(process, 0x2000), "");
  now_ns_ += 100;
  EXPECT_EQ(symbols.Lookup(process, 0x2000), "second");
}

TEST_F(JitSymbolsTest, RemembersTheMapOfAnExitedProcess) {
  Process process = Start(4711, 12, "1000 20 first\n");
  JitSymbols symbols = Make();
  symbols.Refresh(process);
  RemoveFakeProcess(proc_, 4711);
  process.live = false;
  now_ns_ += 1000;
  EXPECT_EQ(symbols.Lookup(process, 0x1000), "first");
}

TEST_F(JitSymbolsTest, DoesNotMixTwoLivesOfOneId) {
  Process process = Start(4711, 12, "1000 20 first\n");
  JitSymbols symbols = Make();
  symbols.Refresh(process);
  process.start_ticks = 6;
  process.live = false;
  EXPECT_EQ(symbols.Lookup(process, 0x1000), "");
}

TEST_F(JitSymbolsTest, FollowsNoLinkOutOfTheProcessesRoot) {
  const Process process = Start(4711, 12, "");
  const std::string outside = proc_.Write("outside.map", "1000 20 stolen\n");
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(outside, path_);
  EXPECT_EQ(Make().Lookup(process, 0x1000), "");
}

TEST_F(JitSymbolsTest, StaysWithinItsBytesOverAllProcesses) {
  JitSymbols symbols = Make(10'000);
  for (uint32_t pid = 1; pid <= 20; ++pid) {
    std::string text;
    for (int line = 0; line < 50; ++line) {
      text += std::to_string(100'000 + line * 10) + " 5 function\n";
    }
    symbols.Refresh(Start(pid, pid, text));
  }
  EXPECT_LE(symbols.bytes(), 10'000u);
  EXPECT_GT(symbols.bytes(), 3'000u);
}

}  // namespace
}  // namespace waitscope
