// Names for the addresses of this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "agent/core/stack.h"

namespace waitscope {

struct Naming {
  std::shared_ptr<Symbolizer> symbolizer;
  // Reads a process while it lives. For the thread that resolves; empty for a recording.
  std::function<void(uint32_t pid)> remember;
};

Naming NameLiveMachine();

}  // namespace waitscope
