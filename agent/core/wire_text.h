// Text in the fixed-size fields of wire records: it ends at the first NUL or at the field's end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "agent/core/printable.h"

namespace waitscope {

template <size_t N>
std::string_view Text(const char (&field)[N]) {
  return {field, static_cast<size_t>(std::find(field, field + N, '\0') - field)};
}

// For answers: a name is bytes that anybody may choose, and the field's end may cut a character.
template <size_t N>
std::string PrintableText(const char (&field)[N]) {
  return Printable(Text(field));
}

// Cuts what does not fit and always leaves a final NUL.
template <size_t N>
void SetText(char (&field)[N], std::string_view text) {
  const size_t length = std::min(text.size(), N - 1);
  std::fill(std::copy_n(text.data(), length, field), field + N, '\0');
}

}  // namespace waitscope
