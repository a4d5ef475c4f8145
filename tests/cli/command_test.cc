#include "cli/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/exit_code.h"
#include "tests/cli/fake_agent.h"

namespace waitscope::cli {
namespace {

using testing::HasSubstr;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome Waitscope(const std::vector<std::string>& words) {
  static Interrupts interrupts;
  Session session;
  session.interrupts = &interrupts;
  session.color = "never";
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = RunCommandLine(words, session);
  fflush(stdout);
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

Outcome Ask(const FakeAgent& agent, std::vector<std::string> words) {
  words.insert(words.begin(), {"--endpoint", agent.endpoint().address});
  return Waitscope(words);
}

TEST(Command, EveryCommandHasASummaryAndExamplesThatNameIt) {
  std::set<absl::string_view> names;
  for (const Command* command : AllCommands()) {
    EXPECT_FALSE(command->summary.empty());
    EXPECT_THAT(std::string(command->examples),
                HasSubstr("waitscope " + std::string(command->name)));
    EXPECT_TRUE(names.insert(command->name).second) << command->name;
  }
}

TEST(Command, EveryHelpHasUsageUnitsAndExamples) {
  for (const Command* command : AllCommands()) {
    const std::string name(command->name);
    const std::string help = Waitscope({name, "--help"}).out;
    EXPECT_THAT(help, HasSubstr("Usage: waitscope " + name + " [OPTIONS]")) << help;
    EXPECT_THAT(help, HasSubstr("\nUnits:\n  ")) << help;
    EXPECT_THAT(help, HasSubstr("\nExamples:\n  waitscope " + name)) << help;
  }
}

TEST(Command, UsageShowsWordsThatAreNoOptions) {
  EXPECT_THAT(Waitscope({"run", "--help"}).out, HasSubstr("[OPTIONS] -- COMMAND [ARGUMENT...]\n"));
  EXPECT_THAT(Waitscope({"replay", "--help"}).out,
              HasSubstr("[OPTIONS] FILE [VIEW [OPTION...]]\n"));
  EXPECT_THAT(Waitscope({"diff", "--help"}).out, HasSubstr("[OPTIONS] A B\n"));
  EXPECT_THAT(Waitscope({"record", "--help"}).out, HasSubstr("[OPTIONS] [FILE]\n"));
}

TEST(Command, HelpIsNoFailureAndDocumentsExitCodes) {
  const Outcome outcome = Waitscope({"--help"});
  EXPECT_EQ(outcome.code, kOk);
  EXPECT_THAT(outcome.out, HasSubstr("Exit codes"));
  EXPECT_THAT(Waitscope({"flame", "--help"}).out, HasSubstr("Examples:"));
  EXPECT_THAT(Waitscope({"--version"}).out, HasSubstr("waitscope "));
}

TEST(Command, BadUsageIsTwoAndSaysWhatIsAccepted) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"thread"},
                                             {"threads", "--pidd", "1"},
                                             {"threads", "--pid", "one"},
                                             {"threads", "--pid", "-5"},
                                             {"threads", "--output", "svg"},
                                             {"threads", "--duration", "1s", "--since", "1m"},
                                             {"threads", "--duration", "ten"},
                                             {"threads", "--duration="},
                                             {"threads", "--since", "0s"},
                                             {"flame", "--kind", "on-mars"},
                                             {"flame", "-o", "x.wslog", "--output", "nonsense"},
                                             {"pools", "--pid", "many"},
                                             {"pools", "--output", "svg"},
                                             {"loops", "--duration", "0s"},
                                             {"loops", "--kind", "lock"},
                                             {"locks", "--since", "1m", "--duration", "1s"},
                                             {"locks", "--word", "0x10"},
                                             {"threads", "--comm", ""},
                                             {"threads", "--container="},
                                             {"flame", "-o", "x.png"},
                                             {"flame", "-o", "x.svg", "--output", "folded"},
                                             {"record", "-o", "x.svg"},
                                             {"run", "-o", "x.png", "--", "true"},
                                             {"diff", "/dev/null", "/dev/null", "--pid", "1"},
                                             {"diff", "/dev/null", "/dev/null", "--kind", "lock"},
                                             {"run"},
                                             {"run", "--"},
                                             {"run", "--endpoint", "127.0.0.1:1", "--", "true"},
                                             {"replay"},
                                             {"diff", "a"}}) {
    const Outcome outcome = Waitscope(words);
    EXPECT_EQ(outcome.code, kBadUsage) << testing::PrintToString(words) << outcome.err;
    EXPECT_FALSE(outcome.err.empty()) << testing::PrintToString(words);
  }
}

TEST(Command, ThreadsAsTextAndJson) {
  FakeAgent agent;
  const Outcome text = Ask(agent, {"threads", "--pid", "4711"});
  EXPECT_EQ(text.code, kOk) << text.err;
  EXPECT_THAT(text.out, HasSubstr("pool-1-thread-1"));
  const Outcome json = Ask(agent, {"threads", "--pid", "4711", "--output", "json"});
  EXPECT_THAT(json.out, HasSubstr("\"wall_ns\": \"10000000000\""));
}

TEST(Command, PoolsLoopsAndLocksAsTextAndJson) {
  FakeAgent agent;
  EXPECT_THAT(Ask(agent, {"pools", "--pid", "4711"}).out, HasSubstr("pool-*-thread-*"));
  EXPECT_THAT(Ask(agent, {"loops", "--pid", "4711"}).out, HasSubstr("of 100 ms and longer"));
  EXPECT_THAT(Ask(agent, {"locks", "--pid", "4711"}).out, HasSubstr("held it for"));
  for (const std::string view : {"pools", "loops", "locks"}) {
    const Outcome json = Ask(agent, {view, "--pid", "4711", "--since", "90s", "--output", "json"});
    EXPECT_EQ(json.code, kOk) << json.err;
    EXPECT_THAT(json.out, HasSubstr("\"" + view + "\": ["));
    EXPECT_EQ(agent.last_view().range().since().seconds(), 90);
    EXPECT_THAT(Waitscope({view, "--help"}).out, HasSubstr("waitscope " + view + " --"));
  }
}

TEST(Command, TheTargetAndTheTimeReachTheAgent) {
  FakeAgent agent;
  Ask(agent, {"threads", "--pid", "1", "--pid", "2", "--comm", "a b", "--since", "90s"});
  EXPECT_EQ(agent.last_view().target().pids_size(), 2);
  EXPECT_EQ(agent.last_view().target().comms(0), "a b");
  EXPECT_EQ(agent.last_view().range().since().seconds(), 90);
  Ask(agent, {"threads"});
  EXPECT_EQ(agent.last_view().range().duration().seconds(), 5);
}

TEST(Command, AnAgentThatIsAskedForByNameIsNotReplacedByAPrivateOne) {
  const Outcome outcome = Waitscope({"threads", "--endpoint", "unix:/nowhere/agent.sock"});
  EXPECT_EQ(outcome.code, kNoAgent);
  EXPECT_THAT(outcome.err, HasSubstr("/nowhere/agent.sock"));
  EXPECT_THAT(outcome.err, testing::Not(HasSubstr("private")));
}

TEST(Command, FlameWritesEveryFormat) {
  FakeAgent agent;
  EXPECT_THAT(Ask(agent, {"flame", "--output", "folded"}).out, HasSubstr("orders-api;main;"));
  EXPECT_THAT(Ask(agent, {"flame", "--output", "svg"}).out, HasSubstr("</svg>"));
  EXPECT_THAT(Ask(agent, {"flame", "--output", "speedscope"}).out, HasSubstr("\"sampled\""));
  EXPECT_EQ(Ask(agent, {"flame", "--output", "pprof"}).out.substr(0, 2), "\x1f\x8b");
  EXPECT_THAT(Ask(agent, {"flame"}).out, HasSubstr("off-cpu"));
}

TEST(Command, AnOutputThatCannotBeWrittenIsSaidBeforeAnybodyWaits) {
  FakeAgent agent;
  const Outcome nowhere = Ask(agent, {"threads", "--pid", "17", "-o", "/nowhere/x.json"});
  EXPECT_EQ(nowhere.code, kFailure);
  EXPECT_THAT(nowhere.err, HasSubstr("make its folder first"));
  EXPECT_EQ(Ask(agent, {"status", "-o", "/tmp"}).code, kFailure);
  EXPECT_EQ(agent.last_view().target().pids_size(), 0) << "the agent was asked";
}

TEST(Command, WhatAnAgentSaysCannotSteerTheTerminal) {
  FakeAgent agent({.before_answer = [] { return 3; }, .error_message = "no\x1b[2J"});
  EXPECT_THAT(Ask(agent, {"threads"}).err, HasSubstr("no?[2J"));
}

TEST(Command, AFileThatIsNoRecordingIsSix) {
  const Outcome missing = Waitscope({"replay", "/nowhere/x.wslog", "threads"});
  EXPECT_EQ(missing.code, kBadFile);
  EXPECT_THAT(missing.err, HasSubstr("/nowhere/x.wslog"));
  EXPECT_EQ(Waitscope({"replay", "/proc/self/status", "threads"}).code, kBadFile);
  EXPECT_EQ(Waitscope({"replay", "/", "threads"}).code, kBadFile);
  EXPECT_EQ(Waitscope({"diff", "/nowhere/a", "/nowhere/b"}).code, kBadFile);
}

}  // namespace
}  // namespace waitscope::cli
