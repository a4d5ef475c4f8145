// Names that come after the stack was named for the first time.
#include <gtest/gtest.h>

#include <filesystem>

#include "agent/symbols/live_symbolizer.h"
#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using testing::SamplePath;
using testing::SampleProcess;
using testing::ScratchDirectory;

class LateDebugFile : public ::testing::Test {
 protected:
  void Start(DebugFetcher::Fetch fetch) {
    options_.debug_fetcher =
        std::make_shared<DebugFetcher>(*DebugStore::Open(scratch_.path() + "/store", 64 << 20),
                                       std::move(fetch), DebugFetcher::Options());
    options_.debug_directories = {};
    symbolizer_ = std::make_unique<LiveSymbolizer>(options_);
  }

  Frame Named() {
    const uint64_t address = sample_.functions().at("sample_alpha");
    return symbolizer_->Resolve({.id = 1, .pid = sample_.pid(), .addresses = {address}}).frames[0];
  }

  void AfterAnAnswer() const {
    while (options_.debug_fetcher->stats().asked == 0) std::this_thread::yield();
  }

  absl::StatusOr<std::string> Served(const std::string& build_id) const {
    const std::string file = scratch_.path() + "/came";
    const std::string served = SamplePath("debug/.build-id/" + build_id.substr(0, 2) + "/" +
                                          build_id.substr(2) + ".debug");
    std::error_code error;
    if (std::filesystem::copy_file(served, file, error)) return file;
    return absl::NotFoundError(served);
  }

  const ScratchDirectory scratch_;
  const SampleProcess sample_{SamplePath("by_build_id")};
  LiveSymbolizer::Options options_;
  std::unique_ptr<LiveSymbolizer> symbolizer_;
};

TEST_F(LateDebugFile, NamesTheFunctionsOfItsProgram) {
  Start([&](const std::string& build_id, const std::atomic<bool>&) { return Served(build_id); });
  EXPECT_EQ(Named().symbol, "");
  AfterAnAnswer();
  EXPECT_EQ(symbolizer_->arrivals(), 1u);
  EXPECT_EQ(Named().symbol, "sample_alpha");
  EXPECT_EQ(symbolizer_->stats().files_indexed, 1u);
}

TEST_F(LateDebugFile, IsFoundAgainByTheNextAgent) {
  Start([&](const std::string& build_id, const std::atomic<bool>&) { return Served(build_id); });
  Named();
  AfterAnAnswer();
  Start([&](const std::string&, const std::atomic<bool>&) {
    ADD_FAILURE() << "it is there";
    return absl::StatusOr<std::string>(absl::NotFoundError("no"));
  });
  EXPECT_EQ(Named().symbol, "sample_alpha");
}

TEST_F(LateDebugFile, LeavesTheFrameAsItWasWhenItDoesNotCome) {
  Start([&](const std::string&, const std::atomic<bool>&) {
    return absl::StatusOr<std::string>(absl::UnavailableError("Connection refused"));
  });
  const Frame before = Named();
  AfterAnAnswer();
  EXPECT_EQ(Named(), before);
  EXPECT_EQ(before.build_id, "abcdef0123456789abcdef0123456789abcdef01");
}

TEST_F(LateDebugFile, IsNotWantedForAProgramThatHasItsSymbols) {
  Start([&](const std::string& build_id, const std::atomic<bool>&) { return Served(build_id); });
  const SampleProcess whole(SamplePath("pie"));
  const uint64_t outside = whole.functions().at("sample_alpha") & ~uint64_t{0xfff};
  symbolizer_->Resolve({.id = 2, .pid = whole.pid(), .addresses = {outside}});
  Named();
  AfterAnAnswer();
  EXPECT_EQ(options_.debug_fetcher->stats().asked, 1u);
  EXPECT_EQ(options_.debug_fetcher->stats().found, 1u);
}

}  // namespace
}  // namespace waitscope
