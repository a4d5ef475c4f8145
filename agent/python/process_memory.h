// The memory of another process, which may change or vanish while it is read.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace waitscope {

// Fills `into` from `address` on, and returns how many bytes could be read.
using ReadMemory = std::function<size_t(uint64_t address, std::span<uint8_t> into)>;

ReadMemory MemoryOf(uint32_t pid);

}  // namespace waitscope
