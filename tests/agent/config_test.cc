#include "agent/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::variant<Config, EarlyExit> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "waitscoped");
  return ParseConfig(static_cast<int>(arguments.size()), arguments.data());
}

Config Parsed(const std::vector<const char*>& arguments) {
  const auto parsed = Parse(arguments);
  if (const auto* early = std::get_if<EarlyExit>(&parsed)) ADD_FAILURE() << early->text;
  return std::holds_alternative<Config>(parsed) ? std::get<Config>(parsed) : Config();
}

std::string Refusal(const std::vector<const char*>& arguments) {
  const auto parsed = Parse(arguments);
  const auto* early = std::get_if<EarlyExit>(&parsed);
  if (early == nullptr) return "accepted";
  EXPECT_EQ(early->code, ExitCode::kUsage);
  return early->text;
}

TEST(ConfigTest, DefaultsServeOnTheUnixSocket) {
  const Config config = Parsed({});
  EXPECT_THAT(config.listen, ElementsAre("unix:/run/waitscope/agent.sock"));
  EXPECT_EQ(config.window_ns, 10'000'000'000u);
  EXPECT_EQ(config.period_ns, 1'000'000u);
  EXPECT_EQ(config.history_bytes, 256u << 20);
}

TEST(ConfigTest, ListenMayBeRepeatedAndReplacesTheDefault) {
  const Config config = Parsed({"--listen", "unix:/tmp/a", "--listen", "127.0.0.1:1"});
  EXPECT_THAT(config.listen, ElementsAre("unix:/tmp/a", "127.0.0.1:1"));
}

TEST(ConfigTest, UnitsAreUnderstood) {
  const Config config = Parsed({"--window", "500ms", "--period", "0", "--ring-bytes", "1MiB"});
  EXPECT_EQ(config.window_ns, 500'000'000u);
  EXPECT_EQ(config.period_ns, 0u);
  EXPECT_EQ(config.ring_bytes, 1u << 20);
}

TEST(ConfigTest, ABadValueNamesItsFlagAndWhatToWrite) {
  EXPECT_THAT(Refusal({"--window", "soon"}), HasSubstr("--window"));
  EXPECT_THAT(Refusal({"--window", "soon"}), HasSubstr("500ms"));
  EXPECT_THAT(Refusal({"--ring-bytes", "4XiB"}), HasSubstr("64KiB"));
  EXPECT_THAT(Refusal({"--no-such-flag"}), HasSubstr("--no-such-flag"));
  EXPECT_THAT(Refusal({"stray"}), HasSubstr("stray"));
}

TEST(ConfigTest, ValuesOutOfRangeSayTheRange) {
  EXPECT_THAT(Refusal({"--window", "1ms"}), HasSubstr("between 100ms and 1h"));
  EXPECT_THAT(Refusal({"--period", "5s"}), HasSubstr("between 0 and 4s"));
  EXPECT_THAT(Refusal({"--cpu-hz", "20000"}), HasSubstr("--cpu-hz"));
}

TEST(ConfigTest, HalfOfACertificateIsRefused) {
  EXPECT_THAT(Refusal({"--tls-cert", "a"}), HasSubstr("--tls-key"));
  EXPECT_THAT(Refusal({"--tls-client-ca", "a"}), HasSubstr("--tls-cert"));
}

TEST(ConfigTest, HelpEndsWellAndShowsExamplesAndExitCodes) {
  const auto parsed = Parse({"--help"});
  const auto& early = std::get<EarlyExit>(parsed);
  EXPECT_EQ(early.code, ExitCode::kOk);
  EXPECT_THAT(early.text, HasSubstr("--listen 0.0.0.0:7717 --tls-cert"));
  EXPECT_THAT(early.text, HasSubstr("3 no privilege"));
}

// The variable that a login shell may set, for as long as this lives.
class UsualServers {
 public:
  explicit UsualServers(const char* servers) { setenv("DEBUGINFOD_URLS", servers, 1); }
  ~UsualServers() { unsetenv("DEBUGINFOD_URLS"); }
  UsualServers(const UsualServers&) = delete;
  UsualServers& operator=(const UsualServers&) = delete;
};

TEST(ConfigTest, NoServerIsAskedUntilItIsWanted) {
  const UsualServers usual("https://usual.example");
  EXPECT_THAT(Parsed({}).debuginfod, ElementsAre());
  EXPECT_THAT(Parsed({"--debuginfod-bytes", "1GiB"}).debuginfod, ElementsAre());
}

TEST(ConfigTest, ServersComeFromTheFlagOrElseFromTheEnvironment) {
  const UsualServers usual(" https://usual.example  https://other.example ");
  EXPECT_THAT(Parsed({"--debuginfod"}).debuginfod,
              ElementsAre("https://usual.example", "https://other.example"));
  EXPECT_THAT(Parsed({"--debuginfod", "https://a", "https://b", "--window", "2s"}).debuginfod,
              ElementsAre("https://a", "https://b"));
  EXPECT_THAT(Parsed({"--debuginfod=https://a https://b"}).debuginfod,
              ElementsAre("https://a", "https://b"));
}

TEST(ConfigTest, AskingNoServerIsRefusedAndSaysWhatToDo) {
  const UsualServers usual(" ");
  EXPECT_THAT(Refusal({"--debuginfod"}), HasSubstr("or set DEBUGINFOD_URLS"));
  EXPECT_THAT(Refusal({"--debuginfod", ""}), HasSubstr("--debuginfod https://"));
  EXPECT_THAT(Refusal({"--debuginfod", "https://a", "--debuginfod-bytes", "1KiB"}),
              HasSubstr("between 1MiB"));
  EXPECT_THAT(Refusal({"--debuginfod", "https://a", "--replay", "b"}), HasSubstr("--replay"));
}

TEST(ConfigTest, PrintedSettingsCanBeGivenBack) {
  const Config config = Parsed({"--window", "2s", "--period", "250us", "--tls-cert", "c",
                                "--tls-key", "k", "--listen", "127.0.0.1:7717", "--debuginfod",
                                "https://a", "https://b", "--debuginfod-cache", "/c"});
  const std::string text = ConfigText(config);
  std::istringstream words(text);
  std::vector<std::string> held{std::istream_iterator<std::string>(words), {}};
  std::vector<const char*> arguments;
  arguments.reserve(held.size());
  for (const std::string& word : held) arguments.push_back(word.c_str());
  EXPECT_EQ(ConfigText(Parsed(arguments)), text);
}

}  // namespace
}  // namespace waitscope
