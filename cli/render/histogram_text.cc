#include "cli/render/histogram_text.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/number.h"

namespace waitscope::cli {
namespace {

constexpr int kLabels = 36;  // columns before the bar
constexpr int kLongestBar = 40;
constexpr int kFirstPower = 10;  // buckets begin at 1,024 ns; below is one bucket

std::string Bar(uint64_t count, uint64_t most, int room) {
  const double part = static_cast<double>(count) / static_cast<double>(most);
  const int length = static_cast<int>(std::lround(part * room));
  if (count == 0) return "";
  return "  " + std::string(static_cast<size_t>(std::max(1, length)), '#');
}

}  // namespace

std::string HistogramText(const v1::Histogram& histogram, Hue hue, const TextStyle& style) {
  std::map<int, uint64_t> by_power;
  for (const v1::Histogram::Bucket& bucket : histogram.buckets()) {
    by_power[std::max<int>(kFirstPower, std::bit_width(bucket.floor_ns()))] += bucket.count();
  }
  uint64_t most = 0;
  for (const auto& [power, count] : by_power) most = std::max(most, count);
  if (most == 0) return "";
  const int room = std::clamp(style.width - kLabels, 10, kLongestBar);
  std::string text;
  for (int power = by_power.begin()->first; power <= by_power.rbegin()->first; ++power) {
    const uint64_t from_ns = power == kFirstPower ? 0 : uint64_t{1} << (power - 1);
    const uint64_t count = by_power[power];
    absl::StrAppendFormat(&text, "%9s - %9s %11s%s\n", DurationText(from_ns),
                          DurationText(uint64_t{1} << power), CountText(count),
                          Paint(style, hue, Bar(count, most, room)));
  }
  return text;
}

}  // namespace waitscope::cli
