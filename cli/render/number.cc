#include "cli/render/number.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace waitscope::cli {
namespace {

constexpr uint64_t kMicrosecond = 1'000;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

// Two digits are enough to act on, so a decimal only below ten.
std::string Short(double value, absl::string_view unit) {
  return value < 9.95 ? absl::StrFormat("%.1f %s", value, unit)
                      : absl::StrFormat("%.0f %s", value, unit);
}

}  // namespace

std::string DurationText(uint64_t ns) {
  if (ns == 0) return "0";
  if (ns < kMicrosecond) return absl::StrCat(ns, " ns");
  if (ns < 100 * kMicrosecond) return absl::StrFormat("%.0f us", ns / 1e3);
  if (ns < kSecond - kMillisecond / 2) return Short(ns / 1e6, "ms");
  return ns < 1000 * kSecond ? absl::StrFormat("%.1f s", ns / 1e9) : StretchText(ns);
}

std::string StretchText(uint64_t ns) {
  const uint64_t seconds = ns / kSecond;
  if (seconds < 60) return absl::StrFormat("%.1f s", ns / 1e9);
  if (seconds < 3600) return absl::StrFormat("%dm %02ds", seconds / 60, seconds % 60);
  if (seconds < 86400) return absl::StrFormat("%dh %02dm", seconds / 3600, seconds / 60 % 60);
  return absl::StrFormat("%dd %dh", seconds / 86400, seconds / 3600 % 24);
}

std::string PercentText(uint64_t part_ns, uint64_t whole_ns) {
  if (part_ns == 0 || whole_ns == 0) return "-";
  const double percent = 100.0 * static_cast<double>(part_ns) / static_cast<double>(whole_ns);
  if (percent < 0.05) return "~0 %";
  return Short(percent, "%");
}

std::string ThreadsWorthText(uint64_t ns, uint64_t duration_ns) {
  if (ns == 0 || duration_ns == 0) return "-";
  const double worth = static_cast<double>(ns) / static_cast<double>(duration_ns);
  return worth < 0.05 ? "~0" : absl::StrFormat("%.1f", worth);
}

std::string BytesText(uint64_t bytes) {
  constexpr absl::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B") : Short(value, kUnits[unit]);
}

std::string CountText(uint64_t count) {
  std::string digits = absl::StrCat(count);
  for (size_t position = digits.size(); position > 3;) {
    position -= 3;
    digits.insert(position, ",");
  }
  return digits;
}

}  // namespace waitscope::cli
