// The memory of a process that there is not: objects of Python's as CPython lays them out.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/python/code_object.h"

namespace waitscope {

class MadeMemory {
 public:
  explicit MadeMemory(const PythonLayout& layout) : layout_(layout) {}

  // Each returns the object's address. Texts: one, two or four bytes a character, as it needs.
  uint64_t Text(std::u32string_view text);
  uint64_t Bytes(std::vector<uint8_t> bytes);
  uint64_t Object(size_t bytes) { return Room(bytes); }
  uint64_t Code(uint64_t name, uint64_t file, uint32_t first_line, uint64_t line_table);

  template <typename Number>
  void Set(uint64_t address, Number number) {
    for (size_t at = 0; at < sizeof(number); ++at) {
      bytes_.at(address - kBegin + at) = static_cast<uint8_t>(number >> 8 * at);
    }
  }
  uint8_t& At(uint64_t address) { return bytes_.at(address - kBegin); }

  size_t Read(uint64_t address, std::span<uint8_t> into) const;
  ReadMemory reader() const {
    return [this](uint64_t address, std::span<uint8_t> into) { return Read(address, into); };
  }
  size_t size() const { return bytes_.size(); }

  static constexpr uint64_t kBegin = 0x7f0000001000;

 private:
  uint64_t Room(size_t size);

  PythonLayout layout_;
  std::vector<uint8_t> bytes_;
};

}  // namespace waitscope
