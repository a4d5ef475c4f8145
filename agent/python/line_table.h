// Lines of Python code: the location table of CPython 3.11 and later (co_linetable).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace waitscope {

// The line of the instruction that lies `offset` bytes into the code. Nothing when the table says
// that it has none, or ends before it. Total over any bytes.
std::optional<uint32_t> LineAt(std::span<const uint8_t> table, uint32_t first_line,
                               uint32_t offset);

}  // namespace waitscope
