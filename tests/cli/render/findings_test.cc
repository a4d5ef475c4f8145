// Findings beside what they are about: in top, threads and status.
#include "cli/render/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "cli/render/status.h"
#include "cli/render/threads.h"
#include "cli/render/top.h"
#include "tests/cli/golden.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr TextStyle kPlain{.color = false, .width = 80};

void ExpectView(const std::string& name, const std::string& text) {
  ExpectGolden(name, text);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(DisplayWidth(line), 80) << line;
  }
}

TEST(FindingLines, SayForHowLongAndWhetherItIsOver) {
  EXPECT_EQ(WhenText(SampleFindings()[0], SampleHeader()), "for 3m 20s, and lasts");
  EXPECT_EQ(WhenText(SampleFindings()[1], SampleHeader()), "for 40.0 s, over since 1m 10s");
}

TEST(FindingLines, OfAProcessTheWorstThatLasts) {
  FindingRows findings = SampleFindings();
  findings[1].mutable_process()->set_pid(4711);
  findings[1].set_severity("critical");
  EXPECT_EQ(WorstOf(findings, 4711)->condition(), "thread-pool-starvation");
  EXPECT_EQ(WorstOf(findings, 1), nullptr);
}

TEST(FindingLines, StandInTopBelowTheirProcess) {
  v1::ProcessesResponse processes = SampleProcesses();
  *processes.mutable_findings() = SampleFindings();
  ExpectView("top_findings.txt", RenderTop(processes, {}, kPlain, 25));
}

TEST(FindingLines, OnTheScreenTheyBelongToTheRowAbove) {
  v1::ProcessesResponse processes = SampleProcesses();
  *processes.mutable_findings() = SampleFindings();
  const std::vector<TopLine> lines = TopLines(TopRows(processes, {}), 10'000'000'000, 80);
  ASSERT_EQ(lines.size(), 7u);  // titles, four processes, two findings
  EXPECT_TRUE(lines[0].title);
  EXPECT_EQ(lines[1].row, 0u);
  EXPECT_EQ(lines[2].row, 0u);
  EXPECT_EQ(lines[2].line[0].hue, Hue::kCritical);
  EXPECT_EQ(lines[3].row, 1u);
}

TEST(FindingLines, ThreadsHintAtDiagnose) {
  v1::ThreadsResponse threads = SampleThreads();
  *threads.mutable_findings() = SampleFindings();
  const std::string text = RenderThreads(threads, {false, " --pid 4711"}, kPlain);
  EXPECT_THAT(text, HasSubstr("CRITICAL thread-pool-starvation, for 3m 20s"));
  EXPECT_THAT(text, Not(HasSubstr("fsync-stall")));  // it is over
  EXPECT_THAT(text, EndsWith("next: waitscope diagnose --pid 4711\n"));
}

TEST(FindingLines, StatusTellsWhatLastsAndWhatIsOver) {
  v1::Status status = SampleStatus();
  *status.mutable_findings() = SampleFindings();
  status.set_diagnoses(360);
  status.set_diagnosis_cpu_ns(720'000'000);
  ExpectView("status_findings.txt", RenderStatus(status, kPlain));
}

TEST(FindingLines, WithoutFindingsNothingIsAdded) {
  EXPECT_EQ(LastingFindings({}, SampleHeader(), kPlain), "");
  EXPECT_EQ(NextCommand(FindingRows(), "waitscope top"), "waitscope top");
}

}  // namespace
}  // namespace waitscope::cli
