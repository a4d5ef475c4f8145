#include "cli/output_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kFormats = {"text", "json", "svg", "speedscope", "pprof", "folded"};

std::string Refusal(const OutputOptions& options, const std::vector<std::string>& formats) {
  const absl::StatusOr<std::string> format = ChooseFormat(options, formats);
  EXPECT_EQ(format.status().code(), absl::StatusCode::kInvalidArgument) << options.file;
  return std::string(format.status().message());
}

TEST(OutputFormat, TheFilesNameMeansTheFormat) {
  EXPECT_EQ(*ChooseFormat({"", ""}, kFormats), "text");
  EXPECT_EQ(*ChooseFormat({"", "a.svg"}, kFormats), "svg");
  EXPECT_EQ(*ChooseFormat({"", "a.SVG"}, kFormats), "svg");
  EXPECT_EQ(*ChooseFormat({"", "a.speedscope.json"}, kFormats), "speedscope");
  EXPECT_EQ(*ChooseFormat({"", "a.json"}, kFormats), "json");
  EXPECT_EQ(*ChooseFormat({"", "a.pb.gz"}, kFormats), "pprof");
  EXPECT_EQ(*ChooseFormat({"", "a.folded"}, kFormats), "folded");
  EXPECT_EQ(*ChooseFormat({"", "a.txt"}, kFormats), "text");
}

TEST(OutputFormat, ANameWithoutExtensionMeansNothing) {
  for (const std::string file : {"out", "/dev/stdout", "dir.d/out", ".hidden", "/tmp/.x", "a."}) {
    EXPECT_EQ(*ChooseFormat({"", file}, kFormats), "text") << file;
  }
}

TEST(OutputFormat, AnUnknownNameIsRefusedAndTheKnownOnesAreSaid) {
  for (const std::string file : {"x.png", "x.html", "x.gz", "x.wslog", "a.svg.bak"}) {
    EXPECT_THAT(Refusal({"", file}, kFormats), HasSubstr(".svg .folded .pb.gz .pprof .txt"));
  }
  EXPECT_THAT(Refusal({"", "x.png"}, {"text", "json"}), HasSubstr("one of .json .txt, or say"));
  EXPECT_EQ(*ChooseFormat({"folded", "x.collapsed"}, kFormats), "folded") << "it was said";
}

TEST(OutputFormat, ANameThatMeansAnotherViewsFormatIsRefused) {
  EXPECT_THAT(Refusal({"", "a.svg"}, {"text", "json"}), HasSubstr("cannot be written as svg"));
}

TEST(OutputFormat, ANameThatDisagreesWithWhatWasSaidIsRefused) {
  EXPECT_THAT(Refusal({"folded", "a.svg"}, kFormats), HasSubstr("means svg, but --output says"));
  EXPECT_THAT(Refusal({"json", "a.speedscope.json"}, kFormats), HasSubstr("means speedscope"));
  EXPECT_EQ(*ChooseFormat({"speedscope", "a.json"}, kFormats), "speedscope");
  EXPECT_EQ(*ChooseFormat({"folded", "a.txt"}, kFormats), "folded");
  EXPECT_EQ(*ChooseFormat({"svg", "a.svg"}, kFormats), "svg");
}

TEST(OutputFormat, ARecordingIsNoPicture) {
  EXPECT_EQ(CheckRecordingName("a.svg").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckRecordingName("a.json").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(CheckRecordingName("a.wslog").ok());
  EXPECT_TRUE(CheckRecordingName("/dev/null").ok());
}

}  // namespace
}  // namespace waitscope::cli
