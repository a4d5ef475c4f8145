// This process unwinds itself, by its own files' tables, to its threads' roots.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <thread>

#include "tests/unwind/nested_frames.h"
#include "tests/unwind/self_view.h"

namespace waitscope::testing {
namespace {

struct Capture : captured_frame {
  const SelfView* self = nullptr;
  bool live = true;
  UnwoundStack stack;

  std::vector<uint64_t> Expected() const { return {std::begin(returns), std::end(returns)}; }
};

uint64_t StackTop() {
  pthread_attr_t attributes;
  void* bottom = nullptr;
  size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &bottom, &size);
  pthread_attr_destroy(&attributes);
  return reinterpret_cast<uint64_t>(bottom) + size;
}

__attribute__((no_sanitize("address"))) bool ReadOwnWord(uint64_t address, uint64_t* word) {
  *word = *reinterpret_cast<const uint64_t*>(address);  // NOLINT: a stack of our own
  return true;
}

void Unwind(captured_frame* frame) {
  auto& capture = *static_cast<Capture*>(frame);
  StackSample sample;
  sample.registers = {.pc = frame->pc, .sp = frame->sp, .bp = frame->bp, .bx = frame->bx};
  unwind_begin(&sample.registers, 0, 0);
  std::vector<uint8_t> window;
  if (!capture.live) {
    const uint64_t bytes = std::min<uint64_t>(UNWIND_WINDOW_BYTES, StackTop() - frame->sp);
    for (uint64_t at = 0; at + 8 <= bytes; at += 8) {
      uint64_t word = 0;
      ReadOwnWord(frame->sp + at, &word);
      const auto* raw = reinterpret_cast<const uint8_t*>(&word);
      window.insert(window.end(), raw, raw + sizeof(word));
    }
  }
  sample.window_address = frame->sp;
  sample.window = window;
  capture.stack =
      UnwindStack(capture.self->view(), sample, capture.live ? ReadLiveWord(ReadOwnWord) : nullptr);
}

class SelfUnwind : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { self = new SelfView; }
  static void TearDownTestSuite() {
    delete self;
    self = nullptr;
  }

  Capture Run(bool live, bool through_signal) {
    Capture capture;
    capture.self = self;
    capture.live = live;
    capture.through_signal = through_signal ? 1 : 0;
    capture.then = Unwind;
    nested_capture(&capture);
    return capture;
  }

  static SelfView* self;
};

SelfView* SelfUnwind::self = nullptr;

TEST_F(SelfUnwind, FindsEveryFrameUpToTheRootOfTheMainThread) {
  const Capture capture = Run(true, false);
  EXPECT_EQ(capture.stack.trust, UNWIND_CLASS_late_live) << capture.stack.stop;
  ASSERT_GT(capture.stack.frames.size(), size_t{NESTED_FRAMES});
  const auto begin = capture.stack.frames.begin() + 1;
  EXPECT_EQ((std::vector<uint64_t>(begin, begin + NESTED_FRAMES)), capture.Expected());
}

TEST_F(SelfUnwind, FindsEveryFrameOfAThreadInTheWindowAlone) {
  Capture capture;
  std::thread([&] { capture = Run(false, false); }).join();
  EXPECT_EQ(capture.stack.trust, UNWIND_CLASS_late) << capture.stack.stop;
  ASSERT_GT(capture.stack.frames.size(), size_t{NESTED_FRAMES});
  const auto begin = capture.stack.frames.begin() + 1;
  EXPECT_EQ((std::vector<uint64_t>(begin, begin + NESTED_FRAMES)), capture.Expected());
}

TEST_F(SelfUnwind, CrossesASignalHandlerOnAStackOfItsOwn) {
  const Capture capture = Run(true, true);
  EXPECT_EQ(capture.stack.trust, UNWIND_CLASS_late_live) << capture.stack.stop;
  // Between the handler and the rest: the C library's restorer and raise().
  const std::vector<uint64_t> expected = capture.Expected();
  EXPECT_NE(std::search(capture.stack.frames.begin(), capture.stack.frames.end(),
                        expected.begin() + 1, expected.end()),
            capture.stack.frames.end());
}

}  // namespace
}  // namespace waitscope::testing
