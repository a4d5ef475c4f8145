#include "agent/python/walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "agent/python/frames.h"
#include "tests/python/made_memory.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint32_t kTid = 77;
constexpr uint64_t kCode = 0x7f00000a0000;

// One interpreter, and threads and frames as a test makes them.
class PythonWalking : public testing::TestWithParam<uint32_t> {
 protected:
  uint64_t MakeThread(uint32_t tid, uint64_t frame, uint64_t next) {
    const uint64_t thread = memory_.Object(PYTHON_READ_BYTES);
    memory_.Set<uint64_t>(thread + walk_.native_thread_id, tid);
    memory_.Set<uint64_t>(thread + walk_.next_thread, next);
    const uint64_t cframe = memory_.Object(32);
    memory_.Set<uint64_t>(cframe + walk_.cframe_frame, frame);
    memory_.Set<uint64_t>(thread + walk_.current_frame, cframe);
    return thread;
  }
  uint64_t MakeFrame(uint64_t code, uint64_t previous, bool is_entry) {
    const uint64_t frame = memory_.Object(PYTHON_READ_BYTES);
    memory_.Set<uint64_t>(frame + walk_.code, code);
    memory_.Set<uint64_t>(frame + walk_.previous, previous);
    memory_.Set<uint64_t>(frame + walk_.instruction, code + 190);
    if (walk_.is_entry != PYTHON_NONE) {
      memory_.Set<uint8_t>(frame + walk_.is_entry, is_entry ? 1 : 0);
    }
    return frame;
  }
  uint64_t MakeInterpreter(uint64_t threads, uint64_t next) {
    const uint64_t interpreter = memory_.Object(PYTHON_READ_BYTES);
    memory_.Set<uint64_t>(interpreter + walk_.threads_head, threads);
    memory_.Set<uint64_t>(interpreter + walk_.next_interpreter, next);
    return interpreter;
  }
  PythonProcess ProcessOf(uint64_t interpreter) {
    const uint64_t runtime = memory_.Object(PYTHON_READ_BYTES);
    memory_.Set<uint64_t>(runtime + walk_.interpreters_head, interpreter);
    return {.layout = layout_, .runtime = runtime};
  }
  PythonProcess ProcessWith(uint64_t threads) { return ProcessOf(MakeInterpreter(threads, 0)); }
  PythonWalk Walked(const PythonProcess& process) {
    return ParsePythonWords(WalkPython(process, kTid, memory_.reader()));
  }

  const PythonLayout layout_ = *FixedPythonLayout(GetParam());
  const python_layout walk_ = layout_.walk;
  MadeMemory memory_{layout_};
};
INSTANTIATE_TEST_SUITE_P(Versions, PythonWalking, testing::Values(11, 12));

// Before 3.12 no frame marks where the interpreter was entered.
class PythonMarking : public PythonWalking {};
INSTANTIATE_TEST_SUITE_P(Versions, PythonMarking, testing::Values(12));

TEST_P(PythonWalking, FindsTheThreadAmongOthersAndItsFrames) {
  const uint64_t root = MakeFrame(kCode + 0x1000, 0, /*is_entry=*/true);
  const uint64_t leaf = MakeFrame(kCode, root, /*is_entry=*/false);
  const uint64_t mine = MakeThread(kTid, leaf, 0);
  const PythonWalk walk = Walked(ProcessWith(MakeThread(5, root, MakeThread(6, 0, mine))));
  EXPECT_EQ(walk.outcome, PYTHON_whole);
  EXPECT_EQ(walk.minor, GetParam());
  EXPECT_THAT(walk.places, ElementsAre(PythonPlace{kCode, 190, false},
                                       PythonPlace{kCode + 0x1000, 190, GetParam() == 11}));
}

TEST_P(PythonWalking, FindsTheThreadOfAnotherInterpreter) {
  const uint64_t mine = MakeThread(kTid, MakeFrame(kCode, 0, true), 0);
  const uint64_t older = MakeInterpreter(mine, 0);
  EXPECT_EQ(Walked(ProcessOf(MakeInterpreter(MakeThread(5, 0, 0), older))).places.size(), 1U);
}

TEST_P(PythonMarking, AFrameThatMarksAnEntryIsToldAsOne) {
  const uint64_t mark = MakeFrame(kCode, 0, false);
  memory_.Set<uint8_t>(mark + walk_.owner, walk_.entry_owner);
  const uint64_t leaf = MakeFrame(kCode, mark, false);
  EXPECT_THAT(Walked(ProcessWith(MakeThread(kTid, leaf, 0))).places,
              ElementsAre(PythonPlace{kCode, 190, false}, PythonPlace{0, 0, true}));
}

TEST_P(PythonWalking, AThreadThatRunsNothingHasNoFrames) {
  const PythonWalk walk = Walked(ProcessWith(MakeThread(kTid, 0, 0)));
  EXPECT_EQ(walk.outcome, PYTHON_whole);
  EXPECT_THAT(walk.places, IsEmpty());
}

TEST_P(PythonWalking, AThreadOfNobodysIsToldSo) {
  EXPECT_EQ(Walked(ProcessWith(MakeThread(5, 0, 0))).outcome, PYTHON_no_thread);
  EXPECT_EQ(Walked(ProcessWith(0)).outcome, PYTHON_no_thread);
  EXPECT_EQ(Walked(ProcessOf(0)).outcome, PYTHON_no_thread);
  EXPECT_EQ(Walked({.layout = layout_, .runtime = 0x1000}).outcome, PYTHON_no_thread);
}

TEST_P(PythonWalking, ListsWithoutEndAreLeft) {
  const uint64_t stranger = MakeThread(5, 0, 0);
  memory_.Set(stranger + walk_.next_thread, stranger);
  EXPECT_EQ(Walked(ProcessWith(stranger)).outcome, PYTHON_no_thread);
  const uint64_t interpreter = MakeInterpreter(0, 0);
  memory_.Set(interpreter + walk_.next_interpreter, interpreter);
  EXPECT_EQ(Walked(ProcessOf(interpreter)).outcome, PYTHON_no_thread);
  const uint64_t frame = MakeFrame(kCode, 0, false);
  memory_.Set(frame + walk_.previous, frame);
  const PythonWalk walk = Walked(ProcessWith(MakeThread(kTid, frame, 0)));
  EXPECT_EQ(walk.outcome, PYTHON_too_deep);
  EXPECT_EQ(walk.places.size(), static_cast<size_t>(WS_PYTHON_FRAMES));
}

TEST_P(PythonWalking, AFrameThatCannotBeReadEndsIt) {
  const uint64_t leaf = MakeFrame(kCode, 0x123456789000, false);
  const PythonWalk walk = Walked(ProcessWith(MakeThread(kTid, leaf, 0)));
  EXPECT_EQ(walk.outcome, PYTHON_read_failed);
  EXPECT_EQ(walk.places.size(), 1U);
}

TEST_P(PythonWalking, DamagedMemoryTakesABoundedNumberOfReads) {
  std::mt19937_64 random(9);
  const uint64_t root = MakeFrame(kCode, 0, true);
  const PythonProcess process =
      ProcessWith(MakeThread(5, root, MakeThread(kTid, MakeFrame(kCode, root, false), 0)));
  for (int round = 0; round < 3000; ++round) {
    // Mostly to where something is.
    const uint64_t at = MadeMemory::kBegin + random() % (memory_.size() - 8);
    memory_.Set<uint64_t>(at, MadeMemory::kBegin + random() % (memory_.size() + 64));
    int reads = 0;
    const std::vector<uint64_t> words =
        WalkPython(process, kTid, [&](uint64_t address, std::span<uint8_t> into) {
          ++reads;
          return memory_.Read(address, into);
        });
    EXPECT_LE(words.size(), static_cast<size_t>(WS_PYTHON_WORDS));
    EXPECT_LE(reads, 2 * PYTHON_MAX_THREADS + WS_PYTHON_FRAMES + 2);
  }
}

}  // namespace
}  // namespace waitscope
