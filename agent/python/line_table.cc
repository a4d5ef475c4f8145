#include "agent/python/line_table.h"

namespace waitscope {
namespace {

constexpr uint32_t kUnitBytes = 2;  // of code, in which entries are counted
constexpr uint8_t kEntryBit = 0x80;

// Objects/locations.md of CPython 3.11: the kinds of entries.
enum Kind : uint8_t {
  kFirstOneLine = 10,
  kLastOneLine = 12,
  kNoColumns = 13,
  kLong = 14,
  kNoLocation = 15,
};

// Reads the rest of an entry; what is missing is zero.
class Entry {
 public:
  explicit Entry(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  // Six bits a byte, the lowest first; the next bit says that there are more.
  uint32_t Number() {
    uint32_t value = 0;
    for (uint32_t shift = 0; shift < 32 && at_ < bytes_.size(); shift += 6) {
      const uint8_t byte = bytes_[at_++];
      value |= uint32_t{byte & 0x3fU} << shift;
      if ((byte & 0x40U) == 0) break;
    }
    return value;
  }

  // The lowest bit is the sign.
  int32_t SignedNumber() {
    const uint32_t value = Number();
    const auto size = static_cast<int32_t>(value >> 1);
    return (value & 1) != 0 ? -size : size;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

int64_t LinesDown(uint8_t kind, std::span<const uint8_t> rest) {
  if (kind >= kFirstOneLine && kind <= kLastOneLine) return kind - kFirstOneLine;
  if (kind == kNoColumns || kind == kLong) return Entry(rest).SignedNumber();
  return 0;
}

}  // namespace

std::optional<uint32_t> LineAt(std::span<const uint8_t> table, uint32_t first_line,
                               uint32_t offset) {
  int64_t line = first_line;
  uint64_t end = 0;
  for (size_t at = 0; at < table.size();) {
    const uint8_t head = table[at++];
    if ((head & kEntryBit) == 0) continue;  // inside an entry
    const uint8_t kind = head >> 3 & 0xf;
    line += LinesDown(kind, table.subspan(at));
    end += uint64_t{(head & 7U) + 1} * kUnitBytes;
    if (offset >= end) continue;
    if (kind == kNoLocation || line <= 0 || line > INT32_MAX) return std::nullopt;
    return static_cast<uint32_t>(line);
  }
  return std::nullopt;
}

}  // namespace waitscope
