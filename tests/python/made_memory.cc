#include "tests/python/made_memory.h"

#include <algorithm>

namespace waitscope {

uint64_t MadeMemory::Room(size_t size) {
  const uint64_t address = kBegin + bytes_.size();
  bytes_.resize((bytes_.size() + size + 15) / 16 * 16);
  return address;
}

uint64_t MadeMemory::Text(std::u32string_view text) {
  const char32_t largest = text.empty() ? 0 : *std::max_element(text.begin(), text.end());
  const bool ascii = largest < 0x80;
  const uint32_t width = largest < 0x100 ? 1 : largest < 0x10000 ? 2 : 4;
  const uint32_t head = ascii ? layout_.ascii_text : layout_.other_text;
  const uint64_t address = Room(head + (text.size() + 1) * width);
  Set<uint64_t>(address + 16, text.size());
  Set<uint32_t>(address + 32, width << 2 | 1U << 5 | (ascii ? 1U << 6 : 0));
  for (size_t index = 0; index < text.size(); ++index) {
    const uint64_t at = address + head + index * width;
    if (width == 1) Set(at, static_cast<uint8_t>(text[index]));
    if (width == 2) Set(at, static_cast<uint16_t>(text[index]));
    if (width == 4) Set(at, static_cast<uint32_t>(text[index]));
  }
  return address;
}

uint64_t MadeMemory::Bytes(std::vector<uint8_t> bytes) {
  const uint64_t address = Room(32 + bytes.size());
  Set<uint64_t>(address + 16, bytes.size());
  for (size_t index = 0; index < bytes.size(); ++index) At(address + 32 + index) = bytes[index];
  return address;
}

uint64_t MadeMemory::Code(uint64_t name, uint64_t file, uint32_t first_line, uint64_t line_table) {
  const uint64_t address = Room(layout_.instructions);
  Set<uint64_t>(address + layout_.qualified_name, name);
  Set<uint64_t>(address + layout_.filename, file);
  Set<uint64_t>(address + layout_.line_table, line_table);
  Set<uint32_t>(address + layout_.first_line, first_line);
  return address;
}

size_t MadeMemory::Read(uint64_t address, std::span<uint8_t> into) const {
  if (address < kBegin || address - kBegin >= bytes_.size()) return 0;
  const size_t from = address - kBegin;
  const size_t size = std::min(into.size(), bytes_.size() - from);
  std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(from), size, into.begin());
  return size;
}

}  // namespace waitscope
