#include "agent/core/printable.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace waitscope {
namespace {

bool IsPlainAscii(char byte) { return byte >= 0x20 && byte < 0x7f; }

struct Form {
  size_t length;
  uint32_t least;  // code point that needs this length
  uint32_t bits;   // of the first byte
};

Form FormOf(uint8_t first) {
  if (first < 0x80) return {1, 0, first};
  if (first >> 5 == 0x6) return {2, 0x80, first & 0x1fu};
  if (first >> 4 == 0xe) return {3, 0x800, first & 0x0fu};
  if (first >> 3 == 0x1e) return {4, 0x10000, first & 0x07u};
  return {0, 0, 0};
}

bool IsPrintable(uint32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  // These reorder the text around them.
  const bool direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !control && !surrogate && !direction && code <= 0x10ffff;
}

// The length of the printable character `text` begins with; 0 when there is none.
size_t CharacterLength(std::string_view text) {
  const Form form = FormOf(static_cast<uint8_t>(text[0]));
  if (form.length == 0 || form.length > text.size()) return 0;
  uint32_t code = form.bits;
  for (size_t at = 1; at < form.length; ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte >> 6 != 0x2) return 0;
    code = code << 6 | (byte & 0x3fu);
  }
  return code >= form.least && IsPrintable(code) ? form.length : 0;
}

}  // namespace

std::string Printable(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), IsPlainAscii)) return std::string(text);
  std::string clean;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    clean.append(length > 0 ? text.substr(0, length) : "?");
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return clean;
}

}  // namespace waitscope
