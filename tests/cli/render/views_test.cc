// Each view of the invented machine, as it stands on 80 columns.
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "cli/render/io.h"
#include "cli/render/json.h"
#include "cli/render/profile_text.h"
#include "cli/render/run.h"
#include "cli/render/runq.h"
#include "cli/render/status.h"
#include "cli/render/syscalls.h"
#include "cli/render/wakers.h"
#include "tests/cli/golden.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

constexpr TextStyle kPlain{.color = false, .width = 80};
constexpr TextStyle kColored{.color = true, .width = 80};

void ExpectAtMost80Columns(const std::string& text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(DisplayWidth(line), 80) << line;
  }
}

void ExpectView(const std::string& name, const std::string& text) {
  ExpectGolden(name, text);
  ExpectAtMost80Columns(text);
}

TEST(Views, StatusSaysWhatTheKernelGivesAndWhatItCosts) {
  ExpectView("status.txt", RenderStatus(SampleStatus(), kPlain));
}

TEST(Views, FlameAsTextPutsTheHeaviestStackFirstAndFoldsTheIdle) {
  ExpectView("profile.txt", RenderProfileText(SampleProfile(), {" --pid 4711", false}, kPlain));
}

TEST(Views, FlameAsTextListsTheIdleWhenAsked) {
  ExpectView("profile_all.txt", RenderProfileText(SampleProfile(), {"", true}, kPlain));
}

TEST(Views, AProfileOfNothingSaysSo) {
  v1::ProfileResponse profile;
  *profile.mutable_header() = SampleHeader();
  profile.set_kind("disk");
  EXPECT_NE(RenderProfileText(profile, {}, kPlain).find("no disk time seen"), std::string::npos);
}

TEST(Views, IoShowsDevicesAsIostatAndWhoWaitsForThem) {
  ExpectView("io.txt", RenderIo(SampleIo(), "", kPlain));
}

TEST(Views, RunqShowsTheHistogramAndTheVictims) {
  ExpectView("runq.txt", RenderRunQueue(SampleRunQueue(), "", kPlain));
}

TEST(Views, SyscallsShowErrorsAndEventLoops) {
  ExpectView("syscalls.txt", RenderSyscalls(SampleSyscalls(), {" --pid 4711", false}, kPlain));
}

TEST(Views, SyscallsByThread) {
  ExpectView("syscalls_threads.txt", RenderSyscalls(SampleSyscalls(), {"", true}, kPlain));
}

TEST(Views, WakersPutIdleWaitsLast) {
  ExpectView("wakers.txt", RenderWakers(SampleWakers(), "", kPlain));
}

TEST(Views, RunSaysWhereACommandsTimeWent) {
  ExpectView("run.txt", RenderRun({.command = "make -j8",
                                   .wall_ns = 10'000'000'000,
                                   .threads = SampleThreads(),
                                   .profile = SampleProfile()},
                                  kPlain));
}

TEST(Views, ColorsAddNothingButColors) {
  std::string colored = RenderIo(SampleIo(), "", kColored);
  EXPECT_NE(colored.find("\x1b["), std::string::npos);
  for (size_t begin = colored.find('\x1b'); begin != std::string::npos;
       begin = colored.find('\x1b')) {
    colored.erase(begin, colored.find('m', begin) - begin + 1);
  }
  EXPECT_EQ(colored, RenderIo(SampleIo(), "", kPlain));
}

TEST(Json, KeepsFieldNamesAndZeros) {
  v1::ThreadsResponse response;
  *response.mutable_header() = SampleHeader();
  response.add_threads()->set_tid(7);
  const std::string json = RenderJson(response);
  EXPECT_NE(json.find("\"wall_ns\": \"0\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"agent_version\": \"0.1.0\""), std::string::npos);
  EXPECT_EQ(json.find("open_wait"), std::string::npos);
}

}  // namespace
}  // namespace waitscope::cli
