// The records the agent folds: the wire structs themselves, one variant arm per line of events.def.
#pragma once

#include <cstdint>
#include <variant>

#include "bpf/events.h"

namespace waitscope {

using Event = std::variant<std::monostate
#define EVENT(kind, type) , type
#include "bpf/events.def"
#undef EVENT
                           >;

}  // namespace waitscope
