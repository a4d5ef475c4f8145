// Which methods a place in compiled code belongs to: a compiler inlines callees into callers.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/java/layout.h"
#include "agent/java/memory.h"

namespace waitscope {

// The Methods at `pc`, an address within the last instruction before the place, in the nmethod
// `blob`: innermost first, the one that was compiled last. That one alone when no more is known.
std::vector<uint64_t> MethodsAt(const HotSpotLayout& layout, uint64_t blob, uint64_t pc,
                                const HotSpotMemory& memory);

}  // namespace waitscope
