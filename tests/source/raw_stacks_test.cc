#include "agent/source/raw_stacks.h"

#include <gmock/gmock.h>

namespace waitscope {
namespace {

using Kind = MappingRecord::Kind;
using testing::ElementsAre;

TEST(RawStacks, RegistersAndWindowReachTheUnwinder) {
  raw_stack raw{};
  raw.pc = 1;
  raw.sp = 2;
  raw.bp = 3;
  raw.bx = 4;
  raw.di = 5;
  raw.orig_ax = 35;
  raw.window_bytes = 64;
  const StackSample sample = SampleOf(raw);
  EXPECT_EQ(sample.registers.pc, 1u);
  EXPECT_EQ(sample.registers.sp, 2u);
  EXPECT_EQ(sample.registers.bp, 3u);
  EXPECT_EQ(sample.registers.bx, 4u);
  EXPECT_EQ(sample.registers.di, 5u);
  EXPECT_EQ(sample.registers.pc_exact, 0) << "behind the instruction of a system call";
  EXPECT_EQ(sample.window_address, 2u);
  EXPECT_EQ(sample.window.size(), 64u);
}

TEST(RawStacks, InterruptedThreadStandsExactlyAtItsPc) {
  raw_stack raw{};
  raw.orig_ax = -1;
  EXPECT_EQ(SampleOf(raw).registers.pc_exact, 1);
}

TEST(RawStacks, WindowIsNeverLargerThanTheRecord) {
  raw_stack raw{};
  raw.window_bytes = ~0U;
  EXPECT_EQ(SampleOf(raw).window.size(), size_t{RAW_WINDOW_BYTES});
}

TEST(RawStacks, FinishedStackHasThePythonFramesOfTheUnfinishedOne) {
  raw_stack raw{};
  raw.python_words = 3;
  raw.python[2] = 99;
  const stack_event event = EventOf(raw, {.frames = {1, 2}, .trust = UNWIND_CLASS_late});
  EXPECT_EQ(event.count, 2);
  EXPECT_EQ(event.addresses[4], 99u);
  EXPECT_EQ(event.hdr.size, offsetof(stack_event, addresses) + 5 * sizeof(uint64_t));
}

TEST(RawStacks, FinishedStackKeepsItsIdentity) {
  raw_stack raw{};
  raw.id = 77;
  raw.pid = 10;
  const stack_event event =
      EventOf(raw, {.frames = {1, 2, 3}, .trust = UNWIND_CLASS_late, .stop = UNWIND_STOP_none});
  EXPECT_EQ(event.id, 77u);
  EXPECT_EQ(event.pid, 10u);
  EXPECT_EQ(event.count, 3);
  EXPECT_EQ(event.addresses[2], 3u);
  EXPECT_EQ(event.stack_class, UNWIND_CLASS_late);
}

MappingRecord Map(uint64_t time_ns, uint64_t start, std::string path) {
  return {.kind = Kind::kMap,
          .time_ns = time_ns,
          .pid = 1,
          .start = start,
          .end = start + 100,
          .file = {1, 2, std::move(path)}};
}

TEST(RawStacks, MappingsOfBeforeAnExecFillTheGaps) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, "shell"));
  tracker.Apply(Map(1, 500, "libc (deleted)"));
  tracker.Apply({.kind = Kind::kExec, .time_ns = 5, .pid = 1});
  tracker.Apply(Map(6, 150, "program"));
  std::vector<std::string> paths;
  for (const Mapping& mapping : AllMappingsOf(tracker, 1)) {
    paths.push_back(mapping.path + (mapping.deleted ? " is gone" : ""));
  }
  EXPECT_THAT(paths, ElementsAre("program", "libc is gone"));
  EXPECT_TRUE(AllMappingsOf(tracker, 2).empty());
}

}  // namespace
}  // namespace waitscope
