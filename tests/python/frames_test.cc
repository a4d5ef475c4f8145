#include "agent/python/frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kEval[] = "_PyEval_EvalFrameDefault";

std::vector<Frame> Native(std::vector<std::string> symbols) {
  std::vector<Frame> frames;
  frames.reserve(symbols.size());
  for (std::string& symbol : symbols) {
    frames.push_back({.symbol = std::move(symbol), .module = "python3.11"});
  }
  return frames;
}

PythonFrame Python(std::string symbol, bool is_entry = false) {
  return {{.symbol = std::move(symbol), .module = "[python]"}, is_entry};
}

constexpr bool kEntry = true;

std::vector<std::string> Merged(std::vector<std::string> native, std::vector<PythonFrame> python) {
  std::vector<std::string> names;
  for (const Frame& frame : MergePython(Native(std::move(native)), std::move(python))) {
    names.push_back(frame.symbol);
  }
  return names;
}

TEST(PythonMerge, EachCallOfTheInterpreterBecomesTheFramesItRuns) {
  EXPECT_THAT(Merged({"clock_nanosleep", "time_sleep", kEval, "map_next", "list", kEval, "main"},
                     {Python("sleep_here"), Python("step", kEntry), Python("handle"),
                      Python("<module>", kEntry)}),
              ElementsAre("clock_nanosleep", "time_sleep", "sleep_here", "step", "map_next", "list",
                          "handle", "<module>", "main"));
}

// 3.12 and later: a frame without code marks the entry.
TEST(PythonMerge, AMarkEndsACallAndIsNotShown) {
  EXPECT_THAT(Merged({"read", kEval, "map_next", kEval, "main"},
                     {Python("step"), Python("", kEntry), Python("handle"), Python("", kEntry)}),
              ElementsAre("read", "step", "map_next", "handle", "main"));
}

TEST(PythonMerge, APartOfTheInterpreterIsTheInterpreter) {
  EXPECT_THAT(Merged({"read", "_PyEval_EvalFrameDefault.cold", "main"}, {Python("f", kEntry)}),
              ElementsAre("read", "f", "main"));
  EXPECT_THAT(Merged({"read", "_PyEval_EvalFrameDefaultish"}, {Python("f", kEntry)}),
              ElementsAre("read", "_PyEval_EvalFrameDefaultish", "f"));
}

TEST(PythonMerge, FramesThatNoCallIsLeftForGoWhereTheLastOneIs) {
  EXPECT_THAT(Merged({"read", kEval, "main"},
                     {Python("a", kEntry), Python("b", kEntry), Python("c", kEntry)}),
              ElementsAre("read", "a", "b", "c", "main"));
  EXPECT_THAT(Merged({"read"}, {Python("a", kEntry), Python("b", kEntry)}),
              ElementsAre("read", "a", "b"));
}

TEST(PythonMerge, CallsWithoutFramesStayAsTheyAre) {
  EXPECT_THAT(Merged({"read", kEval, "call", kEval, "main"}, {Python("a", kEntry)}),
              ElementsAre("read", "a", "call", kEval, "main"));
  EXPECT_THAT(Merged({"read", kEval}, {}), ElementsAre("read", kEval));
}

TEST(PythonWords, AreReadAsTheyWereWritten) {
  const std::vector<uint64_t> words = {python_ahead(2, PYTHON_too_deep, 11), 0x7f01,
                                       python_place(0x7f01, 0x7f01 + 190, 0), 0x7f02,
                                       python_place(0x7f02, 0x7f00, 1)};
  const PythonWalk walk = ParsePythonWords(words);
  EXPECT_EQ(walk.outcome, PYTHON_too_deep);
  EXPECT_EQ(walk.minor, 11U);
  EXPECT_THAT(walk.places, ElementsAre(PythonPlace{0x7f01, 190, false},
                                       PythonPlace{0x7f02, PYTHON_NO_INSTRUCTION, true}));
}

TEST(PythonWords, OfWhichSomeAreMissingGiveTheRest) {
  const std::vector<uint64_t> words = {python_ahead(100, PYTHON_whole, 11), 1, 2, 3};
  EXPECT_EQ(ParsePythonWords(words).places.size(), 1U);
  EXPECT_THAT(ParsePythonWords({}).places, IsEmpty());
}

TEST(PythonWords, OfAnyValueAreBounded) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 1000; ++round) {
    std::vector<uint64_t> words(random() % WS_PYTHON_WORDS);
    for (uint64_t& word : words) word = random();
    const PythonWalk walk = ParsePythonWords(words);
    EXPECT_LT(walk.outcome, PYTHON_OUTCOME_COUNT);
    EXPECT_LE(walk.places.size(), words.size() / 2);
  }
}

std::string MarkOf(const char* module, const RawStack& raw) {
  return PythonMark(raw, {{.symbol = "read"}, {.symbol = kEval, .module = module}});
}

TEST(PythonMark, SaysWhyThereAreNoFrames) {
  EXPECT_EQ(MarkOf("python3.9", {}), "[python frames unavailable: CPython 3.9 is not known]");
  EXPECT_EQ(MarkOf("libpython3.14.so.1.0", {}),
            "[python frames unavailable: CPython 3.14 is not known]");
  EXPECT_EQ(MarkOf("python3.11", {}), "[python frames unavailable: the process was not known yet]");
  EXPECT_EQ(MarkOf("game", {}), "[python frames unavailable: its version of CPython is not known]");
  EXPECT_EQ(MarkOf("python3.11", {.trust = UNWIND_CLASS_unverified}),
            "[python frames unavailable: this kernel's user stacks are not whole]");
  EXPECT_EQ(MarkOf("python3.11", {.python = {python_ahead(0, PYTHON_no_thread, 11)}}),
            "[python frames unavailable: no thread state of Python's]");
}

TEST(PythonMark, SaysWhyFramesAreMissing) {
  EXPECT_EQ(MarkOf("python3.11", {.python = {python_ahead(1, PYTHON_too_deep, 11), 1, 2}}),
            "[python frames missing: more than 128 frames]");
}

TEST(PythonMark, IsNothingWhereNothingIsMissing) {
  EXPECT_EQ(MarkOf("python3.11", {.python = {python_ahead(1, PYTHON_whole, 11), 1, 2}}), "");
  EXPECT_EQ(PythonMark({}, {{.symbol = "read", .module = "python3.9"}}), "");
}

}  // namespace
}  // namespace waitscope
