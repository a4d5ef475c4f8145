// Scenario -> log -> replay -> windows -> text, compared with the golden beside the scenario.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "agent/core/refine.h"
#include "agent/core/window_builder.h"
#include "agent/source/log_writer.h"
#include "agent/source/replay_source.h"
#include "tests/core/debug_string.h"
#include "tests/replay/scenario.h"

namespace waitscope {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Scenarios() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(WAITSCOPE_SCENARIOS)) {
    if (entry.path().extension() == ".scenario") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string LogOf(const Scenario& scenario) {
  std::string bytes;
  LogWriter writer([&](std::string_view chunk) {
    bytes += chunk;
    return absl::OkStatus();
  });
  for (const Event& event : scenario.events) EXPECT_TRUE(writer.Write(event).ok());
  for (const auto& [id, stack] : scenario.names) EXPECT_TRUE(writer.WriteStack(id, stack).ok());
  EXPECT_TRUE(writer.Finish().ok());
  return bytes;
}

// As the agent does: close windows, name their stacks, refine.
std::vector<Snapshot> ReplayOf(const Scenario& scenario) {
  auto source =
      ReplaySource::Read(std::make_unique<std::istringstream>(LogOf(scenario)), "scenario");
  EXPECT_TRUE(source.ok()) << source.status();
  std::vector<Snapshot> snapshots;
  WindowBuilder builder;
  const auto fold = [&](const Event& event) {
    std::optional<Window> window = builder.Fold(event);
    if (!window) return;
    for (const auto& raw : window->stacks) {
      window->snapshot.stacks[raw->id] = (*source)->symbols().Resolve(*raw);
    }
    Refine(window->snapshot);
    snapshots.push_back(std::move(window->snapshot));
  };
  for (auto more = (*source)->Poll(fold); more.ok() && *more;) more = (*source)->Poll(fold);
  return snapshots;
}

std::string TextOf(const std::vector<Snapshot>& snapshots) {
  std::string text;
  for (const Snapshot& snapshot : snapshots) text += DebugString(snapshot) + "\n";
  return text;
}

// Between two ticks only: what a tick closes must have come before it.
void ShuffleWithinWindows(std::vector<Event>& events, std::mt19937_64& random) {
  const auto is_tick = [](const Event& event) { return std::holds_alternative<tick_event>(event); };
  for (auto begin = events.begin(); begin != events.end();) {
    const auto end = std::find_if(begin, events.end(), is_tick);
    std::shuffle(begin, end, random);
    begin = end == events.end() ? end : std::next(end);
  }
}

class Replays : public testing::TestWithParam<fs::path> {
 protected:
  Replays() {
    std::ifstream in(GetParam());
    auto scenario = ReadScenario(in);
    EXPECT_TRUE(scenario.ok()) << GetParam() << ": " << scenario.status();
    if (scenario.ok()) scenario_ = *std::move(scenario);
  }

  Scenario scenario_;
};

TEST_P(Replays, MatchTheirGolden) {
  fs::path golden = GetParam();
  golden.replace_extension(".golden");
  const std::string text = TextOf(ReplayOf(scenario_));
  if (std::getenv("WAITSCOPE_ACCEPT_GOLDEN") != nullptr) {
    std::ofstream(golden) << text;
    return;
  }
  EXPECT_EQ(text, ReadFile(golden)) << "if this is meant: ./dev golden --accept";
}

TEST_P(Replays, DoNotDependOnTheOrderOfRecords) {
  const std::string expected = TextOf(ReplayOf(scenario_));
  std::mt19937_64 random(1);
  for (int round = 0; round < 5; ++round) {
    ShuffleWithinWindows(scenario_.events, random);
    ASSERT_EQ(TextOf(ReplayOf(scenario_)), expected) << "round " << round;
  }
}

TEST_P(Replays, KeepTheIdentityOfEveryThread) {
  for (const Snapshot& snapshot : ReplayOf(scenario_)) {
    for (const auto& [key, thread] : snapshot.threads) {
      EXPECT_EQ(thread.totals.ResidualNs(), 0) << key.tid << " at " << snapshot.end_ns;
    }
  }
}

TEST_P(Replays, MergeToTheSameWhateverTheOrder) {
  const std::vector<Snapshot> snapshots = ReplayOf(scenario_);
  if (snapshots.size() < 2) return;
  Snapshot forward = snapshots.front();
  std::for_each(snapshots.begin() + 1, snapshots.end(),
                [&](const Snapshot& snapshot) { Merge(forward, snapshot); });
  Snapshot backward = snapshots.back();
  std::for_each(snapshots.rbegin() + 1, snapshots.rend(),
                [&](const Snapshot& snapshot) { Merge(backward, snapshot); });
  EXPECT_EQ(DebugString(forward), DebugString(backward));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Replays, testing::ValuesIn(Scenarios()),
                         [](const auto& info) { return info.param.stem().string(); });

TEST(Scenarios, AreFound) { EXPECT_GE(Scenarios().size(), 8u); }

}  // namespace
}  // namespace waitscope
