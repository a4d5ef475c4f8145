// Pools, loops and locks of the invented machine, as they stand on 80 columns.
#include "cli/render/pools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "cli/render/locks.h"
#include "cli/render/loops.h"
#include "tests/cli/golden.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr TextStyle kPlain{.color = false, .width = 80};

void ExpectView(const std::string& name, const std::string& text) {
  ExpectGolden(name, text);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(DisplayWidth(line), 80) << line;
  }
}

TEST(Pools, TheTroubledFirstAndTheIdleFolded) {
  ExpectView("pools.txt", RenderPools(SamplePools(), {" --pid 4711"}, kPlain));
}

TEST(Pools, AllListsTheIdleToo) {
  const std::string text = RenderPools(SamplePools(), {"", true}, kPlain);
  EXPECT_THAT(text, HasSubstr("idler"));
  EXPECT_THAT(text, Not(HasSubstr("--all")));
}

TEST(Pools, WithoutAnySaysSo) {
  v1::PoolsResponse none;
  *none.mutable_header() = SampleHeader();
  const std::string text = RenderPools(none, {" --pid 7"}, kPlain);
  EXPECT_THAT(text, HasSubstr("no process has two threads of one name"));
  EXPECT_THAT(text, HasSubstr("next: waitscope threads --pid 7"));
}

TEST(Loops, TheStalledFirstWithWhatStretchesTheirTurns) {
  ExpectView("loops.txt", RenderLoops(SampleLoops(), {" --pid 4711"}, kPlain));
}

TEST(Loops, TurnsThatWereNotCountedAreUnknown) {
  v1::LoopsResponse loops = SampleLoops();
  loops.mutable_loops()->DeleteSubrange(0, 1);
  const std::string text = RenderLoops(loops, {"", false}, kPlain);
  EXPECT_THAT(text, HasSubstr("?"));
  EXPECT_THAT(text, HasSubstr("1 more thread that polls"));
}

TEST(Loops, WithoutAnySaysSo) {
  v1::LoopsResponse none;
  *none.mutable_header() = SampleHeader();
  EXPECT_THAT(RenderLoops(none, {}, kPlain), HasSubstr("no event loop seen"));
}

TEST(Locks, WaitersAndHoldersAndWhatIsNotKnown) {
  ExpectView("locks.txt", RenderLocks(SampleLocks(), {" --pid 4711"}, kPlain));
}

TEST(Locks, AllListsWordsToParkAt) {
  EXPECT_THAT(RenderLocks(SampleLocks(), {"", true}, kPlain), HasSubstr("0x5000"));
}

TEST(Locks, WithoutAnySaysSo) {
  v1::LocksResponse none;
  *none.mutable_header() = SampleHeader();
  EXPECT_THAT(RenderLocks(none, {}, kPlain), HasSubstr("no lock was waited for"));
}

}  // namespace
}  // namespace waitscope::cli
