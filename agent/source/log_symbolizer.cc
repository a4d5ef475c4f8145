#include "agent/source/log_symbolizer.h"

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint64_t kMaxFrames = 4'000'000;

Stack Unnamed(const RawStack& raw) {
  Stack stack;
  for (const uint64_t address : raw.addresses) stack.frames.emplace_back().address = address;
  return stack;
}

}  // namespace

void LogSymbolizer::Fold(const frame_event& event) {
  const auto known = stacks_.find(event.stack);
  const bool fits = known != stacks_.end() ? event.count == known->second.frames.size()
                                           : frames_ + event.count < kMaxFrames;
  if (!fits) return;
  Stack& stack = stacks_[event.stack];
  if (known == stacks_.end()) {
    stack.frames.resize(event.count);
    frames_ += event.count + 1;
  }
  stack.truncated = PrintableText(event.truncated);
  if (event.index >= stack.frames.size()) return;
  stack.frames[event.index] = {.address = event.address,
                               .file_offset = event.file_offset,
                               .symbol = PrintableText(event.symbol),
                               .module = PrintableText(event.module),
                               .build_id = PrintableText(event.build_id),
                               .file = PrintableText(event.file),
                               .line = event.line};
}

Stack LogSymbolizer::Resolve(const RawStack& stack) {
  const auto at = stacks_.find(stack.id);
  return at != stacks_.end() ? at->second : Unnamed(stack);
}

}  // namespace waitscope
