#include "bpf/unwind/hotspot.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "agent/unwind/stack_unwinder.h"

namespace waitscope::testing {
namespace {

using Frames = std::vector<uint64_t>;

constexpr uint64_t kStack = 0x7ffd0000;
constexpr uint64_t kHeap = 0x600000;
constexpr uint64_t kSegments = 0x900000;
constexpr uint64_t kInterpreted = kHeap + 0x3000;
constexpr uint64_t kCallStubReturn = kHeap + 0x2010;
constexpr uint64_t kCompiled = kHeap + 0x100;  // a blob of three segments: frames of 48 bytes
constexpr uint64_t kStub = kHeap + 0x2000;     // one without frames of its own
constexpr uint64_t kNothing = kHeap + 0x2800;
constexpr uint64_t kNative = 0x400000;  // a root
constexpr uint64_t kMethod = 0x7f00aaaa0000;
constexpr uint32_t kFrameSize = 28;

// A stack in a JVM, whose memory beside the stack is the bytes and words put here.
class JavaStack {
 public:
  explicit JavaStack(uint64_t pc, bool in_call = true) : words_(64, 0) {
    registers_ = {.pc = pc, .sp = kStack, .bp = 0};
    unwind_begin(&registers_, in_call ? 1 : 0, 0);
    registers_.leaf = in_call ? 0 : 1;
    Block(kCompiled, 3, 6);
    Block(kStub, 8, 0);
  }
  JavaStack& Word(uint64_t offset, uint64_t word) {
    words_[offset / 8] = word;
    return *this;
  }
  JavaStack& FramePointer(uint64_t offset) {
    registers_.bp = kStack + offset;
    return *this;
  }
  void Segment(uint64_t number, uint8_t back) { memory_[kSegments + number] = back; }

  UnwoundStack Unwind() {
    const StackSample sample{.registers = registers_,
                             .window_address = kStack,
                             .window = {reinterpret_cast<const uint8_t*>(words_.data()), 512}};
    const hotspot_code code = {.heaps = {{.low = kHeap,
                                          .high = kHeap + 0x8000,
                                          .segments = kSegments,
                                          .segment_shift = 7}},
                               .interpreter_start = kInterpreted,
                               .interpreter_end = kInterpreted + 0x1000,
                               .call_stub_return = kCallStubReturn,
                               .block_header = 16,
                               .frame_size = kFrameSize};
    const std::vector<unwind_mapping> mappings = {
        {kNative, kNative + 0x1000, kNative, 0, 1, UNWIND_MAPPING_table, 0},
        {kHeap, kHeap + 0x8000, 0, 0, 0, UNWIND_MAPPING_anonymous, 0}};
    const std::vector<uint32_t> pages = {0, 1};
    const std::vector<uint32_t> rows = {unwind_row(0, UNWIND_RULE_end)};
    const std::vector<unwind_rule> rules = {{}, {.cfa_kind = UNWIND_CFA_end}};
    return UnwindStack(
        {.mappings = mappings,
         .pages = pages,
         .rows = rows,
         .rules = rules,
         .hotspot = &code,
         .read_code = [this](uint64_t at, std::span<uint8_t> into) { return Read(at, into); }},
        sample, nullptr);
  }

 private:
  void Block(uint64_t at, uint32_t segments, int32_t words) {
    const uint64_t first = (at - kHeap) / 128;
    for (uint32_t i = 0; i < segments; ++i) Segment(first + i, static_cast<uint8_t>(i));
    for (uint32_t i = 0; i < 4; ++i) {
      memory_[at + 16 + kFrameSize + i] = static_cast<uint8_t>(words >> 8 * i);
    }
  }
  size_t Read(uint64_t at, std::span<uint8_t> into) const {
    for (size_t i = 0; i < into.size(); ++i) {
      const auto found = memory_.find(at + i);
      const bool in_segments = at >= kSegments;
      if (found == memory_.end() && !in_segments) return i;
      into[i] = found == memory_.end() ? HOTSPOT_NO_BLOCK : found->second;
    }
    return into.size();
  }

  unwind_registers registers_;
  std::vector<uint64_t> words_;
  std::map<uint64_t, uint8_t> memory_;
};

TEST(HotSpotUnwinding, LeavesACompiledFrameByItsSize) {
  const UnwoundStack stack =
      JavaStack(kCompiled + 0x110).FramePointer(8).Word(32, 1).Word(40, kNative + 64).Unwind();
  EXPECT_EQ(stack.frames, (Frames{kCompiled + 0x110, kNative + 64}));
  EXPECT_EQ(stack.trust, UNWIND_CLASS_late) << "nothing of it is a guess";
}

TEST(HotSpotUnwinding, ShowsAnInterpretedFrameAsItsMethod) {
  const UnwoundStack stack = JavaStack(kInterpreted + 0x20)
                                 .FramePointer(64)
                                 .Word(40, kMethod)
                                 .Word(56, kStack + 128)
                                 .Word(64, 0)
                                 .Word(72, kNative + 64)
                                 .Unwind();
  EXPECT_EQ(stack.frames, (Frames{kMethod | HOTSPOT_METHOD_BIT, kNative + 64}));
  EXPECT_EQ(stack.trust, UNWIND_CLASS_late);
}

// Arguments and locals lie between the two frames: the callee knows where its caller's ends.
TEST(HotSpotUnwinding, EntersACompiledCallerWhereTheInterpretedCalleeSaysItEnds) {
  const UnwoundStack stack = JavaStack(kInterpreted + 0x20)
                                 .FramePointer(64)
                                 .Word(40, kMethod)
                                 .Word(56, kStack + 160)
                                 .Word(72, kCompiled + 32)
                                 .Word(160 + 40, kNative + 64)
                                 .Unwind();
  EXPECT_EQ(stack.frames, (Frames{kMethod | HOTSPOT_METHOD_BIT, kCompiled + 32, kNative + 64}));
}

TEST(HotSpotUnwinding, TakesTheFramePointerOfACompiledFramesCallerFromBelowItsReturnAddress) {
  const UnwoundStack stack = JavaStack(kCompiled + 32)
                                 .Word(32, kStack + 128)
                                 .Word(40, kInterpreted + 0x20)
                                 .Word(104, kMethod)
                                 .Word(120, kStack + 160)
                                 .Word(136, kNative + 64)
                                 .Unwind();
  EXPECT_EQ(stack.frames.back(), kNative + 64);
}

TEST(HotSpotUnwinding, LeavesTheStubThatCallsJavaByItsFramePointer) {
  const UnwoundStack stack =
      JavaStack(kCallStubReturn).FramePointer(32).Word(40, kNative + 64).Unwind();
  EXPECT_EQ(stack.frames.back(), kNative + 64);
  EXPECT_EQ(stack.trust, UNWIND_CLASS_late);
}

TEST(HotSpotUnwinding, GuessesInOtherStubsAndSaysSo) {
  const UnwoundStack stack =
      JavaStack(kStub + 0x200).FramePointer(32).Word(40, kNative + 64).Unwind();
  EXPECT_EQ(stack.frames.back(), kNative + 64);
  EXPECT_EQ(stack.trust, UNWIND_CLASS_heuristic);
}

TEST(HotSpotUnwinding, GuessesWhereAProgramWasStoppedBetweenTwoInstructions) {
  const UnwoundStack stack =
      JavaStack(kCompiled + 32, /*in_call=*/false).Word(40, kNative + 64).Unwind();
  EXPECT_EQ(stack.frames.back(), kNative + 64);
  EXPECT_EQ(stack.trust, UNWIND_CLASS_heuristic) << "its frame may not stand yet";
}

TEST(HotSpotUnwinding, StopsAtAFramePointerThatCannotBe) {
  EXPECT_EQ(JavaStack(kInterpreted + 0x20).FramePointer(uint64_t{0} - 64).Unwind().stop,
            UNWIND_STOP_frame_pointer);
  EXPECT_EQ(JavaStack(kInterpreted + 0x20).FramePointer(64).Word(72, kNative).Unwind().stop,
            UNWIND_STOP_frame_pointer)
      << "its caller would lie below it";
}

TEST(HotSpotUnwinding, FindsNoBlobWhereNoneIs) {
  EXPECT_EQ(JavaStack(kNothing).FramePointer(32).Word(40, kNative + 64).Unwind().trust,
            UNWIND_CLASS_heuristic);
}

TEST(HotSpotUnwinding, EndsInASegmentMapThatLeadsNowhere) {
  JavaStack stack(kNothing);
  for (uint64_t segment = 0; segment < 256; ++segment) stack.Segment(segment, 1);
  EXPECT_NE(stack.FramePointer(32).Word(40, kNative + 64).Unwind().trust, UNWIND_CLASS_late);
}

}  // namespace
}  // namespace waitscope::testing
