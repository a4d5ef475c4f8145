#include "agent/units.h"

#include <charconv>
#include <limits>
#include <span>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

struct Unit {
  std::string_view word;
  uint64_t factor;
};

// Largest first within each kind: the text of a value uses the first that divides it.
constexpr Unit kTimeUnits[] = {
    {"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000},
    {"ms", 1'000'000},        {"us", 1'000},         {"ns", 1}};
constexpr Unit kSizeUnits[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
                               {"G", 1 << 30},   {"M", 1 << 20},   {"K", 1 << 10},   {"", 1}};

// The number and its unit multiplied out; nothing when the text is not of that form.
absl::StatusOr<uint64_t> Scaled(std::string_view text, std::span<const Unit> units,
                                const char* expected) {
  const auto refused = [&](const char* why) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", std::string(text), "' ", why, ": write ", expected));
  };
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0)) return refused("does not begin with a number");
  const std::string_view word = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (unit.word != word) continue;
    const double value = number * static_cast<double>(unit.factor);
    if (value >= static_cast<double>(std::numeric_limits<int64_t>::max())) {
      return refused("is too large");
    }
    return static_cast<uint64_t>(value);
  }
  if (word.empty() && number == 0) return 0;
  return refused(word.empty() ? "has no unit" : "has an unknown unit");
}

std::string Text(uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value >= unit.factor && value % unit.factor == 0) {
      return absl::StrCat(value / unit.factor, std::string(unit.word));
    }
  }
  return "0";
}

}  // namespace

absl::StatusOr<uint64_t> ParseDurationNs(std::string_view text) {
  return Scaled(text, kTimeUnits, "a duration like 500ms, 10s, 2m or 1h");
}

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  return Scaled(text, kSizeUnits, "a size like 64KiB or 256MiB");
}

std::string DurationText(uint64_t duration_ns) { return Text(duration_ns, kTimeUnits); }
std::string BytesText(uint64_t bytes) { return Text(bytes, kSizeUnits); }

}  // namespace waitscope
