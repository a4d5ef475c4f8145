#include "cli/render/folded.h"

#include <gtest/gtest.h>

#include "tests/cli/golden.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

TEST(Folded, RootFirstWithProcessKernelMarksAndTruncation) {
  ExpectGolden("off-cpu.folded", RenderFolded(SampleProfile(), {}));
}

TEST(Folded, ThreadPrefixAndClassFrames) {
  ExpectGolden("off-cpu_threads_classes.folded",
               RenderFolded(SampleProfile(), {{Prefix::kThread}, true}));
}

TEST(Folded, WakersStandOnTopOfTheWaitTheyEnded) {
  ExpectGolden("waker.folded", RenderFolded(SampleWakerProfile(), {}));
}

TEST(Folded, WeightsAddUpToTheProfile) {
  uint64_t sum = 0;
  for (const auto& [path, ns] : Fold(WeightedStacks(SampleProfile(), {Prefix::kNone}), false)) {
    sum += ns;
  }
  EXPECT_EQ(sum, SampleProfile().total_ns());
}

TEST(Folded, ReadsWhatItWrites) {
  const absl::StatusOr<FoldedStacks> read = ParseFolded(RenderFolded(SampleProfile(), {}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Fold(WeightedStacks(SampleProfile(), {}), false));
}

TEST(Folded, ReadsNamesWithSpaces) {
  const absl::StatusOr<FoldedStacks> read = ParseFolded("a;operator new 5\na;operator new 6\n\n");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->at("a;operator new"), 11U);
}

TEST(Folded, RefusesOtherTextAndSaysWhere) {
  const absl::StatusOr<FoldedStacks> read = ParseFolded("a;b 1\nnot folded\n");
  EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(read.status().message().find("line 2"), absl::string_view::npos);
}

}  // namespace
}  // namespace waitscope::cli
