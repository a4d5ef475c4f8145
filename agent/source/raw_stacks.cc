#include "agent/source/raw_stacks.h"

#include <algorithm>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace waitscope {
namespace {

void AddUnlessCovered(const TextMapping& text, std::vector<Mapping>& known) {
  const auto overlaps = [&](const Mapping& other) {
    return other.start < text.end && text.start < other.end;
  };
  if (std::any_of(known.begin(), known.end(), overlaps)) return;
  absl::string_view path = text.file->path;
  const bool deleted = absl::ConsumeSuffix(&path, " (deleted)");
  known.push_back({.start = text.start,
                   .end = text.end,
                   .offset = text.offset,
                   .device = text.file->device,
                   .inode = text.file->inode,
                   .deleted = deleted,
                   .path = std::string(path)});
}

}  // namespace

StackSample SampleOf(const raw_stack& raw) {
  StackSample sample{.orig_ax = static_cast<uint64_t>(raw.orig_ax),
                     .ax = raw.ax,
                     .window_address = raw.sp,
                     .window = {raw.window, std::min<size_t>(raw.window_bytes, RAW_WINDOW_BYTES)}};
  unwind_registers& r = sample.registers;
  r.pc = raw.pc;
  r.sp = raw.sp;
  r.bp = raw.bp;
  r.bx = raw.bx;
  r.di = raw.di;
  unwind_begin(&r, raw.orig_ax >= 0, sample.orig_ax);
  return sample;
}

void ReadStackOf(const waiting_thread& waiting, uint64_t now_ns, const ReadMemory& memory,
                 raw_stack& raw) {
  raw.id = 0;
  raw.pid = waiting.thread.pid;
  raw.tid = waiting.thread.tid;
  raw.at_ns = now_ns;
  raw.pc = waiting.pc;
  raw.sp = waiting.sp;
  raw.bp = waiting.bp;
  raw.bx = waiting.bx;
  raw.di = waiting.di;
  raw.ax = waiting.ax;
  raw.orig_ax = waiting.orig_ax;
  raw.stop = UNWIND_STOP_none;
  raw.window_bytes = static_cast<uint32_t>(memory(raw.sp, {raw.window, RAW_WINDOW_BYTES}));
}

stack_event EventOf(const raw_stack& raw, const UnwoundStack& stack) {
  stack_event event{};
  const size_t count = std::min<size_t>(stack.frames.size(), WS_STACK_DEPTH);
  event.hdr.kind = EVENT_stack;
  const size_t words = std::min<size_t>(raw.python_words, WS_PYTHON_WORDS);
  event.hdr.size = static_cast<uint32_t>(offsetof(stack_event, addresses) + 8 * (count + words));
  event.id = raw.id;
  event.pid = raw.pid;
  event.count = static_cast<uint16_t>(count);
  event.stack_class = static_cast<uint8_t>(stack.trust);
  event.stop = static_cast<uint8_t>(stack.stop);
  std::copy_n(stack.frames.begin(), count, event.addresses);
  std::copy_n(raw.python, words, event.addresses + count);
  return event;
}

std::vector<Mapping> AllMappingsOf(const MappingTracker& tracker, uint32_t pid) {
  const SharedMappings now = tracker.Find(pid);
  const SharedMappings before = tracker.FindAt(pid, 0);
  std::vector<Mapping> known;
  for (const SharedMappings& mappings : {now, before}) {
    if (!mappings) continue;
    for (const TextMapping& text : *mappings) AddUnlessCovered(text, known);
  }
  std::sort(known.begin(), known.end(),
            [](const Mapping& a, const Mapping& b) { return a.start < b.start; });
  return known;
}

}  // namespace waitscope
