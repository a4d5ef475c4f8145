#include "agent/symbols/process_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using testing::RemoveFakeProcess;
using testing::ScratchDirectory;
using testing::WriteFakeProcess;

constexpr char kOld[] = "1000-2000 r-xp 00000000 08:01 1 /old\n";
constexpr char kNew[] = "5000-6000 r-xp 00000000 08:01 2 /new\n";

class ProcessTableTest : public ::testing::Test {
 protected:
  ProcessTable Make(size_t max_processes = 100) {
    return ProcessTable({.proc_dir = proc_.path(),
                         .max_processes = max_processes,
                         .keep_unused_ns = 1'000'000,
                         .reread_ns = 1000},
                        [this] { return now_ns_; });
  }

  static std::string PathAt(Process* process, uint64_t address) {
    if (process == nullptr) return "no process";
    const CodeMapping* const found = process->Find(address);
    return found == nullptr ? "nothing" : found->mapping.path;
  }

  static std::string PathIn(ProcessTable& table, uint32_t pid, uint64_t address) {
    return PathAt(table.Select(pid, std::vector<uint64_t>{address}), address);
  }

  ScratchDirectory proc_;
  int64_t now_ns_ = 1'000'000'000;
};

TEST_F(ProcessTableTest, FindsTheMappingOfAnAddress) {
  WriteFakeProcess(proc_, {.pid = 7, .maps = std::string(kOld) + kNew});
  ProcessTable table = Make();
  EXPECT_EQ(PathIn(table, 7, 0x1000), "/old");
  EXPECT_EQ(PathIn(table, 7, 0x1fff), "/old");
  EXPECT_EQ(PathIn(table, 7, 0x2000), "nothing");
  EXPECT_EQ(PathIn(table, 7, 0x0fff), "nothing");
  EXPECT_EQ(PathIn(table, 7, 0x5123), "/new");
}

TEST_F(ProcessTableTest, KnowsNoProcessItNeverSaw) {
  ProcessTable table = Make();
  EXPECT_EQ(PathIn(table, 7, 0x1000), "no process");
  EXPECT_EQ(table.Remember(7), nullptr);
}

TEST_F(ProcessTableTest, RemembersAnExitedProcess) {
  WriteFakeProcess(proc_, {.pid = 7, .maps = kOld});
  ProcessTable table = Make();
  ASSERT_NE(table.Remember(7), nullptr);
  RemoveFakeProcess(proc_, 7);
  Process* const process = table.Select(7, std::vector<uint64_t>{0x1000});
  EXPECT_EQ(PathAt(process, 0x1000), "/old");
  EXPECT_FALSE(process->live);
}

TEST_F(ProcessTableTest, TellsTwoLivesOfOneIdApart) {
  WriteFakeProcess(proc_, {.pid = 7, .start_ticks = 100, .maps = kOld});
  ProcessTable table = Make();
  ASSERT_NE(table.Remember(7), nullptr);
  WriteFakeProcess(proc_, {.pid = 7, .start_ticks = 200, .maps = kNew});
  EXPECT_EQ(table.Select(7, std::vector<uint64_t>{0x1000})->start_ticks, 100u);
  EXPECT_EQ(table.Select(7, std::vector<uint64_t>{0x5000})->start_ticks, 200u);
  EXPECT_EQ(table.size(), 2u);
}

TEST_F(ProcessTableTest, AsksAgainWhetherAProcessLivesOnlyAfterAWhile) {
  WriteFakeProcess(proc_, {.pid = 7, .start_ticks = 100, .maps = kOld});
  ProcessTable table({.proc_dir = proc_.path(), .trust_ns = 1000}, [this] { return now_ns_; });
  EXPECT_EQ(PathIn(table, 7, 0x1000), "/old");
  EXPECT_EQ(PathIn(table, 7, 0x1000), "/old");
  RemoveFakeProcess(proc_, 7);
  EXPECT_TRUE(table.Select(7, std::vector<uint64_t>{0x1000})->live);
  now_ns_ += 1000;
  EXPECT_FALSE(table.Select(7, std::vector<uint64_t>{0x1000})->live);
}

TEST_F(ProcessTableTest, NeverMixesTwoLivesInOneStack) {
  WriteFakeProcess(proc_, {.pid = 7, .start_ticks = 100, .maps = kOld});
  ProcessTable table = Make();
  table.Remember(7);
  WriteFakeProcess(proc_, {.pid = 7, .start_ticks = 200, .maps = kNew});
  Process* const process = table.Select(7, std::vector<uint64_t>{0x1000, 0x5000, 0x5100});
  EXPECT_EQ(process->start_ticks, 200u);
  EXPECT_EQ(PathAt(process, 0x1000), "nothing");
}

TEST_F(ProcessTableTest, PrefersTheNewLifeWhenBothCoverAnAddress) {
  WriteFakeProcess(proc_, {.pid = 7, .start_ticks = 100, .maps = kOld});
  ProcessTable table = Make();
  table.Remember(7);
  WriteFakeProcess(proc_,
                   {.pid = 7, .start_ticks = 200, .maps = "1000-2000 r-xp 0 08:01 3 /newest\n"});
  EXPECT_EQ(PathIn(table, 7, 0x1000), "/newest");
}

TEST_F(ProcessTableTest, ReadsAgainForAnAddressNothingCovers) {
  WriteFakeProcess(proc_, {.pid = 7, .maps = kOld});
  ProcessTable table = Make();
  table.Remember(7);
  WriteFakeProcess(proc_, {.pid = 7, .maps = std::string(kOld) + kNew});
  EXPECT_EQ(PathIn(table, 7, 0x5000), "/new");
  EXPECT_EQ(table.stats().maps_read, 2u);
}

// A stack is named once: what it needs cannot wait for a second.
TEST_F(ProcessTableTest, KnowsNewCodeAHundredthOfASecondAfterItLookedInVain) {
  WriteFakeProcess(proc_, {.pid = 7, .maps = kOld});
  ProcessTable table({.proc_dir = proc_.path()}, [this] { return now_ns_; });
  table.Remember(7);
  EXPECT_EQ(PathIn(table, 7, 0x5000), "nothing");
  WriteFakeProcess(proc_, {.pid = 7, .maps = std::string(kOld) + kNew});
  now_ns_ += 10'000'000;
  EXPECT_EQ(PathIn(table, 7, 0x5000), "/new");
}

TEST_F(ProcessTableTest, ReadsLessAndLessOftenForGarbage) {
  WriteFakeProcess(proc_, {.pid = 7, .maps = kOld});
  ProcessTable table = Make();
  table.Remember(7);
  for (int tick = 0; tick < 64; ++tick, now_ns_ += 1000) {
    EXPECT_EQ(PathIn(table, 7, 0xdead0000), "nothing");
    EXPECT_EQ(PathIn(table, 7, 0xdead0000), "nothing");
  }
  // The pauses are 1, 2, 4, 8, 16 and 32 microseconds of the 64.
  EXPECT_EQ(table.stats().maps_read, 1u + 7u);
}

TEST_F(ProcessTableTest, ReadsMapsThatTakeLongForATenthOfTheTimeAtMost) {
  constexpr int64_t kReadNs = 5'000'000;
  WriteFakeProcess(proc_, {.pid = 7, .maps = kOld});
  const uint64_t* reads = nullptr;
  ProcessTable table({.proc_dir = proc_.path(), .reread_ns = 1000}, [&] {
    return now_ns_ + (reads != nullptr ? static_cast<int64_t>(*reads) * kReadNs : 0);
  });
  reads = &table.stats().maps_read;
  table.Remember(7);
  EXPECT_EQ(PathIn(table, 7, 0x5000), "nothing");
  WriteFakeProcess(proc_, {.pid = 7, .maps = std::string(kOld) + kNew});
  now_ns_ += 10 * kReadNs - 1;
  EXPECT_EQ(PathIn(table, 7, 0x5000), "nothing") << "counted from the end of the last one";
  now_ns_ += 1;
  EXPECT_EQ(PathIn(table, 7, 0x5000), "/new");
}

TEST_F(ProcessTableTest, StillKnowsTheImageBeforeExec) {
  WriteFakeProcess(proc_, {.pid = 7, .maps = kOld});
  ProcessTable table = Make();
  table.Remember(7);
  WriteFakeProcess(proc_, {.pid = 7, .maps = kNew});
  table.Remember(7);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(PathIn(table, 7, 0x1000), "/old");
  EXPECT_EQ(PathIn(table, 7, 0x5000), "/new");
}

TEST_F(ProcessTableTest, ForgetsFormerMappingsThatWereMappedOver) {
  WriteFakeProcess(proc_, {.pid = 7, .maps = kOld});
  ProcessTable table = Make();
  table.Remember(7);
  WriteFakeProcess(proc_, {.pid = 7, .maps = "1800-1900 r-xp 0 08:01 3 /over\n"});
  table.Remember(7);
  EXPECT_EQ(PathIn(table, 7, 0x1800), "/over");
  EXPECT_EQ(PathIn(table, 7, 0x1000), "nothing");
}

TEST_F(ProcessTableTest, ForgetsTheLeastRecentlyUsedFirst) {
  ProcessTable table = Make(2);
  for (const uint32_t pid : {1u, 2u, 3u}) {
    WriteFakeProcess(proc_, {.pid = pid, .maps = kOld});
    table.Remember(pid);
    table.Select(1, std::vector<uint64_t>{0x1000});
    RemoveFakeProcess(proc_, pid);
  }
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(PathIn(table, 1, 0x1000), "/old");
  EXPECT_EQ(PathIn(table, 2, 0x1000), "no process");
  EXPECT_EQ(PathIn(table, 3, 0x1000), "/old");
}

TEST_F(ProcessTableTest, ForgetsProcessesUnusedForLong) {
  ProcessTable table = Make();
  WriteFakeProcess(proc_, {.pid = 1, .maps = kOld});
  table.Remember(1);
  RemoveFakeProcess(proc_, 1);
  now_ns_ += 2'000'000;
  WriteFakeProcess(proc_, {.pid = 2, .maps = kOld});
  table.Remember(2);
  EXPECT_EQ(PathIn(table, 1, 0x1000), "no process");
}

TEST_F(ProcessTableTest, ReadsTheMappingsOfAProcessWhoseFirstThreadLeft) {
  WriteFakeProcess(proc_, {.pid = 7, .maps = ""});
  proc_.Write("7/task/9/maps", kOld);
  ProcessTable table = Make();
  EXPECT_EQ(PathIn(table, 7, 0x1000), "/old");
}

}  // namespace
}  // namespace waitscope
