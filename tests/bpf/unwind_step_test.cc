// Drives the steps that the kernel takes from frame to frame.
#include <gtest/gtest.h>

#include <map>

#include "bpf/unwind/step.h"

namespace waitscope {
namespace {

constexpr uint64_t kStack = 0x7ffd0000;
constexpr uint64_t kCaller = 0x401234;

class Frame {
 public:
  Frame() {
    registers_.pc = 0x400100;
    registers_.sp = kStack;
    registers_.bp = kStack + 0x80;
    registers_.bx = kStack + 0x40;
    unwind_begin(&registers_, 0, 0);
  }
  Frame& Word(uint64_t address, uint64_t word) {
    words_[address] = word;
    return *this;
  }
  Frame& At(uint64_t pc) {
    registers_.pc = pc;
    return *this;
  }
  Frame& InSystemCall(uint64_t number) {
    unwind_begin(&registers_, 1, number);
    return *this;
  }
  Frame& Without(unwind_known known) {
    registers_.known &= ~known;
    return *this;
  }
  int Step(const unwind_rule& rule) { return unwind_step(&rule, &registers_, Read, this); }
  int Guess(uint64_t code) { return unwind_guess(&registers_, code, Read, this); }

  unwind_registers& registers() { return registers_; }

 private:
  static int Read(void* from, __u64 address, __u64* word) {
    const auto& words = static_cast<Frame*>(from)->words_;
    const auto found = words.find(address);
    if (found == words.end()) return 1;
    *word = found->second;
    return 0;
  }

  unwind_registers registers_{};
  std::map<uint64_t, uint64_t> words_;
};

TEST(UnwindBegin, ASystemCallIsKnownByWhatItLeavesInRcx) {
  EXPECT_TRUE(unwind_is_call(0, 0x401002, 0x401002, 0));
  EXPECT_TRUE(unwind_is_call(0, 0x401002, 7, CODE_SYSCALL)) << "where rcx is kept";
  EXPECT_TRUE(unwind_is_call(SYSCALL_EXECVE, 0x401000, 0, 0)) << "the entry point";
}

TEST(UnwindBegin, ASignalsHandlerIsNoPartOfTheCallBeforeIt) {
  EXPECT_FALSE(unwind_is_call(234, 0x405000, 0x401002, 0x9090));
  EXPECT_FALSE(unwind_is_call(-1, 0x405000, 0x405000, 0)) << "an interrupt";
}

TEST(UnwindStep, GoesUpByTheStackPointer) {
  Frame frame;
  frame.Word(kStack + 24, kCaller);
  ASSERT_EQ(frame.Step({.cfa_kind = UNWIND_CFA_rsp, .cfa_off = 32}), UNWIND_CALLER);
  EXPECT_EQ(frame.registers().pc, kCaller);
  EXPECT_EQ(frame.registers().sp, kStack + 32);
  EXPECT_EQ(frame.registers().bp, kStack + 0x80);
  EXPECT_FALSE(frame.registers().leaf);
}

TEST(UnwindStep, GoesUpByEachRegisterThatACfaMayStartFrom) {
  Frame by_rbp;
  by_rbp.Word(kStack + 0x88, kCaller);
  ASSERT_EQ(by_rbp.Step({.cfa_kind = UNWIND_CFA_rbp, .cfa_off = 16}), UNWIND_CALLER);
  EXPECT_EQ(by_rbp.registers().sp, kStack + 0x90);
  Frame by_rbx;
  by_rbx.Word(kStack + 0x48, kCaller);
  ASSERT_EQ(by_rbx.Step({.cfa_kind = UNWIND_CFA_rbx, .cfa_off = 16}), UNWIND_CALLER);
  EXPECT_EQ(by_rbx.registers().sp, kStack + 0x50);
}

TEST(UnwindStep, GoesUpFromARealignedStack) {
  Frame frame;
  frame.Word(kStack + 0x78, kStack + 0x100).Word(kStack + 0xf8, kCaller);
  frame.Word(kStack + 0x80, 77);
  ASSERT_EQ(frame.Step({.cfa_kind = UNWIND_CFA_at_rbp,
                        .rbp_kind = UNWIND_SAVED_at_rbp,
                        .rbx_kind = UNWIND_SAVED_unknown,
                        .cfa_off = -8}),
            UNWIND_CALLER);
  EXPECT_EQ(frame.registers().pc, kCaller);
  EXPECT_EQ(frame.registers().sp, kStack + 0x100);
  EXPECT_EQ(frame.registers().bp, 77u);
  EXPECT_FALSE(frame.registers().known & UNWIND_KNOWN_rbx);
}

TEST(UnwindStep, GoesUpFromAStackPointerThatWasPutAside) {
  Frame frame;
  frame.Word(kStack + 16, kStack + 0x100).Word(kStack + 0x100, kCaller);
  ASSERT_EQ(frame.Step({.cfa_kind = UNWIND_CFA_above_at_rsp, .cfa_off = 16}), UNWIND_CALLER);
  EXPECT_EQ(frame.registers().pc, kCaller);
  EXPECT_EQ(frame.registers().sp, kStack + 0x108);
}

TEST(UnwindStep, RestoresWhatTheFrameSaved) {
  Frame frame;
  frame.Word(kStack + 24, kCaller).Word(kStack + 16, 61).Word(kStack + 8, 62);
  ASSERT_EQ(frame.Step({.cfa_kind = UNWIND_CFA_rsp,
                        .rbp_kind = UNWIND_SAVED_at_cfa,
                        .rbx_kind = UNWIND_SAVED_at_rsp,
                        .cfa_off = 32,
                        .rbp_off = -16,
                        .rbx_off = 8}),
            UNWIND_CALLER);
  EXPECT_EQ(frame.registers().bp, 61u);
  EXPECT_EQ(frame.registers().bx, 62u);
}

TEST(UnwindStep, KnowsARegisterAgainOnceItWasSaved) {
  Frame frame;
  frame.Without(UNWIND_KNOWN_rbp).Word(kStack + 24, kCaller).Word(kStack + 16, 61);
  ASSERT_EQ(frame.Step({.cfa_kind = UNWIND_CFA_rsp,
                        .rbp_kind = UNWIND_SAVED_at_cfa,
                        .cfa_off = 32,
                        .rbp_off = -16}),
            UNWIND_CALLER);
  EXPECT_TRUE(frame.registers().known & UNWIND_KNOWN_rbp);
}

TEST(UnwindStep, StopsRatherThanUseARegisterThatIsLost) {
  const unwind_rule by_rbp = {.cfa_kind = UNWIND_CFA_rbp, .cfa_off = 16};
  EXPECT_EQ(Frame().Without(UNWIND_KNOWN_rbp).Step(by_rbp), UNWIND_STOP_lost_register);
  const unwind_rule by_rbx = {.cfa_kind = UNWIND_CFA_rbx, .cfa_off = 16};
  EXPECT_EQ(Frame().Without(UNWIND_KNOWN_rbx).Step(by_rbx), UNWIND_STOP_lost_register);
}

TEST(UnwindStep, KnowsWhenALinkageTableHasPushed) {
  const unwind_rule plt = {.cfa_kind = UNWIND_CFA_plt, .cfa_off = 11};
  Frame before;
  before.At(0x40010a).Word(kStack, kCaller);
  ASSERT_EQ(before.Step(plt), UNWIND_CALLER);
  EXPECT_EQ(before.registers().sp, kStack + 8);
  Frame after;
  after.At(0x40010b).Word(kStack + 8, kCaller);
  ASSERT_EQ(after.Step(plt), UNWIND_CALLER);
  EXPECT_EQ(after.registers().sp, kStack + 16);
}

TEST(UnwindStep, CrossesASignalToAnotherStack) {
  constexpr uint64_t kOther = 0x10000;
  Frame frame;
  frame.Word(kStack + SIGNAL_FRAME_RIP, kCaller).Word(kStack + SIGNAL_FRAME_RSP, kOther);
  frame.Word(kStack + SIGNAL_FRAME_RBP, 61).Word(kStack + SIGNAL_FRAME_RBX, 62);
  ASSERT_EQ(frame.Step({.cfa_kind = UNWIND_CFA_signal}), UNWIND_CALLER);
  EXPECT_EQ(frame.registers().sp, kOther);
  EXPECT_EQ(frame.registers().bp, 61u);
  EXPECT_EQ(frame.registers().bx, 62u);
  EXPECT_EQ(unwind_lookup_pc(&frame.registers()), kCaller) << "nothing returns to it: exact";
}

TEST(UnwindStep, FindsVforksReturnAddressInARegister) {
  const unwind_rule vfork = {.cfa_kind = UNWIND_CFA_rsp, .return_kind = UNWIND_RETURN_in_rdi};
  Frame frame;
  frame.registers().di = kCaller;
  ASSERT_EQ(frame.Step(vfork), UNWIND_CALLER);
  EXPECT_EQ(frame.registers().pc, kCaller);
  EXPECT_EQ(frame.registers().sp, kStack);
  EXPECT_EQ(frame.Step(vfork), UNWIND_STOP_lost_register) << "a caller's rdi is not kept";
}

TEST(UnwindStep, EndsAtTheRoot) {
  EXPECT_EQ(Frame().Step({.cfa_kind = UNWIND_CFA_end}), UNWIND_ROOT);
}

TEST(UnwindStep, SaysWhyItStops) {
  EXPECT_EQ(Frame().Step({.cfa_kind = UNWIND_CFA_none}), UNWIND_STOP_no_rule);
  EXPECT_EQ(Frame().Step({.cfa_kind = UNWIND_CFA_unsupported}), UNWIND_STOP_unsupported);
  EXPECT_EQ(Frame().Step({.cfa_kind = 99}), UNWIND_STOP_unsupported);
  const unwind_rule plain = {.cfa_kind = UNWIND_CFA_rsp, .cfa_off = 8};
  EXPECT_EQ(Frame().Step(plain), UNWIND_STOP_read_failed);
  EXPECT_EQ(Frame().Word(kStack, 0).Step(plain), UNWIND_STOP_null_address);
}

TEST(UnwindStep, NeverGoesDown) {
  EXPECT_EQ(Frame().Word(kStack - 8, kCaller).Step({.cfa_kind = UNWIND_CFA_rsp}),
            UNWIND_STOP_no_progress);
  EXPECT_EQ(Frame().Word(kStack - 72, kCaller).Step({.cfa_kind = UNWIND_CFA_rsp, .cfa_off = -64}),
            UNWIND_STOP_no_progress);
}

TEST(UnwindBegin, LooksUpTheSystemCallButNotTheInstructionBehindIt) {
  Frame frame;
  EXPECT_EQ(unwind_lookup_pc(&frame.registers()), 0x400100u);
  frame.InSystemCall(0);
  EXPECT_EQ(unwind_lookup_pc(&frame.registers()), 0x4000ffu);
  frame.InSystemCall(SYSCALL_EXECVE);
  EXPECT_EQ(unwind_lookup_pc(&frame.registers()), 0x400100u) << "a program's entry point";
}

TEST(UnwindGuess, TakesALeafInASystemCallForAWrapper) {
  Frame frame;
  ASSERT_EQ(frame.InSystemCall(56).Word(kStack, kCaller).Guess(0), UNWIND_CALLER);
  EXPECT_EQ(frame.registers().pc, kCaller);
  EXPECT_EQ(frame.registers().sp, kStack + 8);
  EXPECT_EQ(frame.registers().guessed, 1);
}

TEST(UnwindGuess, WalksByFramePointerToItsEnd) {
  Frame frame;
  frame.Word(kStack + 0x80, 0).Word(kStack + 0x88, kCaller);
  ASSERT_EQ(frame.Guess(0), UNWIND_CALLER);
  EXPECT_EQ(frame.registers().sp, kStack + 0x90);
  EXPECT_EQ(frame.Guess(0), UNWIND_ROOT);
}

TEST(UnwindGuess, RefusesAFramePointerThatCannotBe) {
  Frame below;
  below.registers().bp = kStack - 8;
  EXPECT_EQ(below.Guess(0), UNWIND_STOP_frame_pointer);
  Frame far;
  far.registers().bp = kStack + UNWIND_MAX_GUESSED_FRAME;
  EXPECT_EQ(far.Guess(0), UNWIND_STOP_frame_pointer);
}

TEST(UnwindGuess, KnowsATrampolineByItsCode) {
  Frame frame;
  frame.Word(kStack + 8, kCaller).At(0x400200).registers().leaf = 0;
  ASSERT_EQ(frame.Guess(0x1122c308c48348), UNWIND_CALLER);
  EXPECT_EQ(frame.registers().sp, kStack + 16);
  EXPECT_EQ(frame.registers().bp, kStack + 0x80);
}

TEST(UnwindGuess, KnowsASignalReturnByItsCode) {
  Frame frame;
  frame.Word(kStack + SIGNAL_FRAME_RIP, kCaller).Word(kStack + SIGNAL_FRAME_RSP, kStack + 4096);
  ASSERT_EQ(frame.Guess(CODE_SIGRETURN), UNWIND_CALLER);
  EXPECT_EQ(frame.registers().sp, kStack + 4096);
}

TEST(UnwindClass, IsNeverBetterThanItsWorstStep) {
  EXPECT_EQ(unwind_class_of(UNWIND_ROOT, 0, UNWIND_CLASS_exact), UNWIND_CLASS_exact);
  EXPECT_EQ(unwind_class_of(UNWIND_ROOT, 1, UNWIND_CLASS_exact), UNWIND_CLASS_heuristic);
  EXPECT_EQ(unwind_class_of(UNWIND_STOP_no_rule, 0, UNWIND_CLASS_exact), UNWIND_CLASS_truncated);
}

}  // namespace
}  // namespace waitscope
