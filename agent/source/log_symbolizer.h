// Names of stacks as a log carries them.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "agent/core/event.h"
#include "agent/core/stack.h"

namespace waitscope {

class LogSymbolizer : public Symbolizer {
 public:
  // Frames of one stack may come in any order. Beyond a bound no log of ours reaches, more are
  // ignored: a damaged log must not fill the memory.
  void Fold(const frame_event& event);

  // A stack the log has no names for keeps its addresses.
  Stack Resolve(const RawStack& stack) override;

 private:
  std::unordered_map<StackId, Stack> stacks_;
  uint64_t frames_ = 0;
};

}  // namespace waitscope
