#include "agent/naming.h"

#include "agent/symbols/live_symbolizer.h"

namespace waitscope {

Naming NameLiveMachine() {
  const auto symbolizer = std::make_shared<LiveSymbolizer>();
  return {.symbolizer = symbolizer,
          .remember = [symbolizer](uint32_t pid) { symbolizer->Remember(pid); }};
}

}  // namespace waitscope
