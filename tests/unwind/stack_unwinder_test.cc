#include "agent/unwind/stack_unwinder.h"

#include <gtest/gtest.h>

#include <cstring>

#include "agent/unwind/frame_rule.h"

namespace waitscope::testing {
namespace {

using Frames = std::vector<uint64_t>;

constexpr uint64_t kStack = 0x7ffd0000;
// One file of three pages: plain frames of 16 bytes, the root, and no rule.
constexpr uint64_t kPlain = 0x400000;
constexpr uint64_t kRoot = 0x401000;
constexpr uint64_t kBare = 0x402000;
constexpr uint64_t kUntabled = 0x500000;
constexpr uint64_t kJit = 0x600000;
constexpr uint64_t kNowhere = 0x700000;

class Stack {
 public:
  explicit Stack(uint64_t pc) : words_(64, 0) {
    sample_.registers = {.pc = pc, .sp = kStack, .bp = 0};
    unwind_begin(&sample_.registers, 0, 0);
  }
  Stack& Word(uint64_t offset, uint64_t word) {
    words_[offset / 8] = word;
    return *this;
  }
  Stack& FramePointer(uint64_t value) {
    sample_.registers.bp = value;
    return *this;
  }
  Stack& InSystemCall(uint64_t number) {
    unwind_begin(&sample_.registers, 1, number);
    sample_.orig_ax = number;
    return *this;
  }
  Stack& WindowOf(size_t bytes) {
    window_bytes_ = bytes;
    return *this;
  }
  UnwoundStack Unwind(const ReadLiveWord& live = nullptr) {
    sample_.window_address = kStack;
    sample_.window = {reinterpret_cast<const uint8_t*>(words_.data()), window_bytes_};
    return UnwindStack(View(), sample_, live);
  }

 private:
  static UnwindView View() {
    static const std::vector<unwind_mapping> mappings = {
        {kPlain, kBare + 0x1000, kPlain, 0, 3, UNWIND_MAPPING_table, 0},
        {kUntabled, kUntabled + 0x1000, 0, 0, 0, UNWIND_MAPPING_no_table, 0},
        {kJit, kJit + 0x1000, 0, 0, 0, UNWIND_MAPPING_anonymous, 0}};
    static const std::vector<uint32_t> pages = {0, 1, 2, 3};
    static const std::vector<uint32_t> rows = {unwind_row(0, 3), unwind_row(0, UNWIND_RULE_end),
                                               unwind_row(0, UNWIND_RULE_none)};
    static const std::vector<unwind_rule> rules = {NoRule(), EndRule(), UnsupportedRule(),
                                                   StackRule(16)};
    return {mappings, pages, rows, rules};
  }

  StackSample sample_;
  std::vector<uint64_t> words_;
  size_t window_bytes_ = 64 * 8;
};

TEST(StackUnwinder, GoesFromTheLeafToTheRoot) {
  const UnwoundStack stack = Stack(kPlain).Word(8, kPlain + 64).Word(24, kRoot + 64).Unwind();
  EXPECT_EQ(stack.frames, (Frames{kPlain, kPlain + 64, kRoot + 64}));
  EXPECT_EQ(stack.trust, UNWIND_CLASS_late);
  EXPECT_EQ(stack.stop, UNWIND_STOP_none);
}

TEST(StackUnwinder, LooksUpACallThatIsTheLastOfItsFunction) {
  const UnwoundStack stack = Stack(kPlain).Word(8, kBare).Unwind();
  EXPECT_EQ(stack.trust, UNWIND_CLASS_late) << "the byte before still belongs to the root";
}

TEST(StackUnwinder, SaysWhereTheProcessIsUnknown) {
  EXPECT_EQ(Stack(kNowhere).Unwind().stop, UNWIND_STOP_no_mapping);
  EXPECT_EQ(Stack(kUntabled).Unwind().stop, UNWIND_STOP_no_table);
  const UnwoundStack stack = Stack(kPlain).Word(8, kNowhere).Unwind();
  EXPECT_EQ(stack.trust, UNWIND_CLASS_truncated);
  EXPECT_EQ(stack.frames, (Frames{kPlain, kNowhere}));
}

TEST(StackUnwinder, StopsWhereTheWindowEnds) {
  const UnwoundStack stack = Stack(kPlain).Word(8, kPlain + 64).WindowOf(16).Unwind();
  EXPECT_EQ(stack.trust, UNWIND_CLASS_truncated);
  EXPECT_EQ(stack.stop, UNWIND_STOP_window_end);
  EXPECT_EQ(stack.frames.size(), 2u);
}

TEST(StackUnwinder, GoesOnInLiveMemoryAndSaysSo) {
  const auto live = [](uint64_t address, uint64_t* word) {
    *word = kRoot + 64;
    return address == kStack + 24;
  };
  const UnwoundStack stack = Stack(kPlain).Word(8, kPlain + 64).WindowOf(16).Unwind(live);
  EXPECT_EQ(stack.trust, UNWIND_CLASS_late_live);
  EXPECT_EQ(stack.frames.size(), 3u);
}

TEST(StackUnwinder, SaysWhenLiveMemoryCannotBeRead) {
  const auto live = [](uint64_t /*address*/, uint64_t* /*word*/) { return false; };
  EXPECT_EQ(Stack(kPlain).WindowOf(0).Unwind(live).stop, UNWIND_STOP_read_failed);
}

TEST(StackUnwinder, WalksCodeOfNoFileByFramePointerAsAGuess) {
  const UnwoundStack stack =
      Stack(kJit).FramePointer(kStack + 32).Word(32, 0).Word(40, kRoot + 64).Unwind();
  EXPECT_EQ(stack.frames, (Frames{kJit, kRoot + 64}));
  EXPECT_EQ(stack.trust, UNWIND_CLASS_heuristic);
}

TEST(StackUnwinder, SaysWhichGuessFailed) {
  EXPECT_EQ(Stack(kJit).FramePointer(8).Unwind().stop, UNWIND_STOP_frame_pointer);
  EXPECT_EQ(Stack(kBare).FramePointer(8).Unwind().stop, UNWIND_STOP_no_rule);
}

TEST(StackUnwinder, TakesALeafOfASystemCallWithoutARuleForAWrapper) {
  const UnwoundStack stack = Stack(kBare + 64).InSystemCall(58).Word(0, kRoot + 64).Unwind();
  EXPECT_EQ(stack.frames, (Frames{kBare + 64, kRoot + 64}));
  EXPECT_EQ(stack.trust, UNWIND_CLASS_heuristic);
}

TEST(StackUnwinder, KnowsThatExecLeavesNoStack) {
  const UnwoundStack stack = Stack(kPlain + 64).InSystemCall(SYSCALL_EXECVE).WindowOf(0).Unwind();
  EXPECT_EQ(stack.trust, UNWIND_CLASS_exec);
  EXPECT_EQ(stack.stop, UNWIND_STOP_none);
}

TEST(StackUnwinder, GivesUpAfterItsLastFrame) {
  const auto live = [](uint64_t /*address*/, uint64_t* word) {
    *word = kPlain + 64;
    return true;
  };
  const UnwoundStack stack = Stack(kPlain).WindowOf(0).Unwind(live);
  EXPECT_EQ(stack.frames.size(), size_t{UNWIND_MAX_FRAMES});
  EXPECT_EQ(stack.stop, UNWIND_STOP_too_deep);
}

}  // namespace
}  // namespace waitscope::testing
