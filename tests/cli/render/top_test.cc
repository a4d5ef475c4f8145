#include "cli/render/top.h"

#include <gtest/gtest.h>

#include "tests/cli/golden.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

constexpr TextStyle kPlain{.color = false, .width = 80};

TEST(Top, ShowsThreadsWorthOfTimeWithKernelThreadsFolded) {
  ExpectGolden("top.txt", RenderTop(SampleProcesses(), {}, kPlain, 25));
}

TEST(Top, SaysHowManyProcessesItLeftOut) {
  const std::string text = RenderTop(SampleProcesses(), {}, kPlain, 2);
  EXPECT_NE(text.find("and 2 processes that did less"), std::string::npos) << text;
}

TEST(Top, KernelThreadsAreOneRowUnlessAskedFor) {
  EXPECT_EQ(TopRows(SampleProcesses(), {}).size(), 4U);
  EXPECT_EQ(TopRows(SampleProcesses(), {.kernel_threads = true}).size(), 5U);
}

TEST(Top, SumsOfSleepingDoNotRank) {
  const std::vector<TopRow> rows = TopRows(SampleProcesses(), {});
  EXPECT_EQ(rows[0].name, "orders-api");
  EXPECT_EQ(rows[1].name, "postgres");
}

TEST(Top, SortsByTheChosenColumn) {
  const TopView by_disk{.by_not_idle = false, .sort = TopColumn::kDisk};
  EXPECT_EQ(TopRows(SampleProcesses(), by_disk)[0].name, "postgres");
  const TopView by_pid{.by_not_idle = false, .sort = TopColumn::kPid};
  EXPECT_EQ(TopRows(SampleProcesses(), by_pid)[0].pid, 1U);
  const TopView by_name{.by_not_idle = false, .sort = TopColumn::kName};
  EXPECT_EQ(TopRows(SampleProcesses(), by_name)[1].name, "orders-api");
}

TEST(Top, FiltersByNameCommandLineAndPid) {
  EXPECT_EQ(TopRows(SampleProcesses(), {.filter = "ORDERS"}).size(), 1U);
  EXPECT_EQ(TopRows(SampleProcesses(), {.filter = "jar"}).size(), 1U);
  EXPECT_EQ(TopRows(SampleProcesses(), {.filter = "912"})[0].name, "postgres");
  EXPECT_TRUE(TopRows(SampleProcesses(), {.filter = "nothing"}).empty());
}

}  // namespace
}  // namespace waitscope::cli
