#include "bpf/unwind/v8.h"

#include <gtest/gtest.h>

#include "agent/unwind/frame_rule.h"
#include "agent/unwind/stack_unwinder.h"

namespace waitscope::testing {
namespace {

using Frames = std::vector<uint64_t>;

constexpr uint64_t kStack = 0x7ffd0000;
// One file of three pages: plain frames of 16 bytes, V8's builtins, and the root.
constexpr uint64_t kPlain = 0x400000;
constexpr uint64_t kWaits = kPlain + 0x20;
constexpr uint64_t kBuiltin = 0x401000;
constexpr uint64_t kRoot = 0x402000;
constexpr uint64_t kMade = 0x600000;  // by V8's compilers

constexpr uint64_t kEntry = 1;
constexpr uint64_t kConstructEntry = 2;
constexpr uint64_t kExit = 3;
constexpr uint64_t kStackSwitch = 8;
constexpr uint64_t kInternal = 22;
constexpr uint64_t kBuiltinExit = 25;
constexpr uint64_t kLast = 27;
constexpr uint64_t kContext = 0x3a5f10c8e001;  // an object's address, tagged

constexpr uint64_t Mark(uint64_t type) { return type << 1; }

unwind_rule BuiltinsRule() {
  return {.cfa_kind = UNWIND_CFA_v8,
          .cfa_off = kEntry | kConstructEntry << 8 | kExit << 16 | kBuiltinExit << 24,
          .rbx_off = kStackSwitch | kLast << 8};
}

// A thread that waits in C++, below frames of V8's that are linked by rbp.
class ScriptStack {
 public:
  ScriptStack() : words_(128, 0) {
    sample_.registers = {.pc = kWaits, .sp = kStack, .bp = kStack + frame_};
    unwind_begin(&sample_.registers, 1, 202);
  }
  // The next frame, which runs at `pc` and stores `word`.
  ScriptStack& Frame(uint64_t pc, uint64_t word) {
    words_[return_ / 8] = pc;
    words_[frame_ / 8 - 1] = word;
    words_[frame_ / 8] = kStack + frame_ + kFrameBytes;
    return_ = frame_ + 8;
    frame_ += kFrameBytes;
    return *this;
  }
  // The thread does not wait: it was stopped at `pc`.
  ScriptStack& Interrupted(uint64_t pc) {
    unwind_begin(&sample_.registers, 0, 0);
    sample_.registers.pc = pc;
    return *this;
  }
  UnwoundStack Unwind(uint64_t root = kRoot + 64) {
    words_[return_ / 8] = root;
    sample_.window_address = kStack;
    sample_.window = {reinterpret_cast<const uint8_t*>(words_.data()), words_.size() * 8};
    const std::vector<unwind_mapping> mappings = {
        {kPlain, kRoot + 0x1000, kPlain, 0, 3, UNWIND_MAPPING_table, 0},
        {kMade, kMade + 0x1000, 0, 0, 0, UNWIND_MAPPING_anonymous, 0}};
    const std::vector<uint32_t> pages = {0, 1, 2, 3};
    const std::vector<uint32_t> rows = {unwind_row(0, 3), unwind_row(0, 4),
                                        unwind_row(0, UNWIND_RULE_end)};
    const std::vector<unwind_rule> rules = {NoRule(), EndRule(), UnsupportedRule(), StackRule(16),
                                            BuiltinsRule()};
    return UnwindStack({.mappings = mappings, .pages = pages, .rows = rows, .rules = rules},
                       sample_, nullptr);
  }

 private:
  static constexpr uint64_t kFrameBytes = 64;

  StackSample sample_;
  std::vector<uint64_t> words_;
  uint64_t return_ = 8;  // where the return address of the frame before is
  uint64_t frame_ = 64;
};

constexpr uint64_t kCall = kBuiltin + 0x20;  // a place in the builtins
constexpr uint64_t kScript = kMade + 0x20;

TEST(V8Unwinding, IsNoGuessFromAnExitFrameToAnEntryFrame) {
  const UnwoundStack stack = ScriptStack()
                                 .Frame(kCall, Mark(kExit))
                                 .Frame(kScript, kContext)
                                 .Frame(kCall, kContext)
                                 .Frame(kCall, Mark(kInternal))
                                 .Frame(kCall, Mark(kEntry))
                                 .Unwind();
  EXPECT_EQ(stack.frames, (Frames{kWaits, kCall, kScript, kCall, kCall, kCall, kRoot + 64}));
  EXPECT_EQ(stack.trust, UNWIND_CLASS_late);
}

TEST(V8Unwinding, GoesOnBehindTheEntryFrameAsItDoesElsewhere) {
  const UnwoundStack stack = ScriptStack()
                                 .Frame(kCall, Mark(kBuiltinExit))
                                 .Frame(kCall, Mark(kConstructEntry))
                                 .Unwind(kScript);
  EXPECT_NE(stack.trust, UNWIND_CLASS_late) << "only C++ enters by it, and this is no C++";
}

TEST(V8Unwinding, GuessesWhereThereIsNoExitFrame) {
  EXPECT_EQ(ScriptStack().Frame(kCall, kContext).Frame(kCall, Mark(kEntry)).Unwind().trust,
            UNWIND_CLASS_heuristic)
      << "code that calls C++ at once may have no frame of its own";
  EXPECT_EQ(ScriptStack().Frame(kScript, Mark(kExit)).Frame(kCall, Mark(kEntry)).Unwind().trust,
            UNWIND_CLASS_heuristic)
      << "only builtins leave by exit frames";
}

TEST(V8Unwinding, GuessesWhereAFrameIsNotLeftByAnEntryFrame) {
  EXPECT_EQ(ScriptStack().Frame(kCall, Mark(kExit)).Frame(kScript, kContext).Unwind().trust,
            UNWIND_CLASS_heuristic);
}

TEST(V8Unwinding, GuessesWhereAFrameIsNoneOfV8s) {
  for (const uint64_t word :
       {uint64_t{0}, Mark(kLast + 1), Mark(kStackSwitch), Mark(kExit), uint64_t{0x7ffd0040}}) {
    const UnwoundStack stack = ScriptStack()
                                   .Frame(kCall, Mark(kExit))
                                   .Frame(kScript, word)
                                   .Frame(kCall, Mark(kEntry))
                                   .Unwind();
    EXPECT_EQ(stack.frames.size(), 5u);
    EXPECT_EQ(stack.trust, UNWIND_CLASS_heuristic) << word;
  }
}

TEST(V8Unwinding, GuessesWhereAProgramWasStoppedBetweenTwoInstructions) {
  EXPECT_EQ(ScriptStack()
                .Frame(0, Mark(kExit))
                .Frame(kCall, Mark(kEntry))
                .Interrupted(kCall)
                .Unwind()
                .trust,
            UNWIND_CLASS_heuristic)
      << "its frame may not stand yet";
}

TEST(V8Unwinding, ATypeThatAReleaseDoesNotHaveIsNoFrame) {
  const unwind_rule rule = BuiltinsRule();
  EXPECT_FALSE(v8_is_exit(v8_types_of(&rule), 0));
  EXPECT_FALSE(v8_is(v8_types_of(&rule), V8_TYPE_api_callback_exit, 0));
  EXPECT_EQ(v8_types_of(&rule) >> 8 * V8_TYPE_last, kLast);
}

}  // namespace
}  // namespace waitscope::testing
