#include "agent/core/histogram.h"

#include <algorithm>
#include <cmath>

namespace waitscope {
namespace {

constexpr uint32_t kLastBucket = WS_HIST_BUCKETS - 1;

uint64_t MiddleNs(uint32_t bucket) {
  if (bucket == kLastBucket) return hist_floor_ns(bucket);
  return (hist_floor_ns(bucket) + hist_floor_ns(bucket + 1)) / 2;
}

}  // namespace

Histogram::Histogram(WireCounts counts) {
  for (uint32_t index = 0; index < WS_HIST_BUCKETS; ++index) {
    if (counts[index] != 0) used_.push_back({index, counts[index]});
  }
}

Histogram Histogram::Between(WireCounts earlier, WireCounts later) {
  Histogram difference;
  for (uint32_t index = 0; index < WS_HIST_BUCKETS; ++index) {
    const uint32_t added = later[index] - earlier[index];
    if (added != 0) difference.used_.push_back({index, added});
  }
  return difference;
}

void Histogram::Add(uint64_t duration_ns, uint64_t count) {
  if (count == 0) return;
  const uint32_t index = hist_bucket(duration_ns);
  const auto at = std::ranges::lower_bound(used_, index, {}, &Bucket::index);
  if (at != used_.end() && at->index == index) {
    at->count += count;
  } else {
    used_.insert(at, {index, count});
  }
}

void Histogram::Merge(const Histogram& other) {
  std::vector<Bucket> merged;
  merged.reserve(std::max(used_.size(), other.used_.size()));
  auto mine = used_.begin();
  for (const Bucket& bucket : other.used_) {
    while (mine != used_.end() && mine->index < bucket.index) merged.push_back(*mine++);
    merged.push_back(bucket);
    if (mine != used_.end() && mine->index == bucket.index) merged.back().count += mine++->count;
  }
  merged.insert(merged.end(), mine, used_.end());
  used_ = std::move(merged);
}

uint64_t Histogram::Count() const {
  uint64_t count = 0;
  for (const Bucket& bucket : used_) count += bucket.count;
  return count;
}

uint64_t Histogram::QuantileNs(double q) const {
  if (Empty()) return 0;
  const double rank = std::max(1.0, std::ceil(q * static_cast<double>(Count())));
  uint64_t below = 0;
  for (const Bucket& bucket : used_) {
    below += bucket.count;
    if (static_cast<double>(below) >= rank) return MiddleNs(bucket.index);
  }
  return MiddleNs(used_.back().index);
}

uint64_t Histogram::CeilingNs() const {
  return Empty() ? 0 : hist_floor_ns(used_.back().index + 1);
}

uint64_t Histogram::BoundedMaxNs(uint64_t max_ns) const {
  const bool unbounded = !Empty() && used_.back().index == kLastBucket;
  return unbounded ? max_ns : std::min(max_ns, CeilingNs());
}

std::array<uint64_t, WS_HIST_BUCKETS> Histogram::Buckets() const {
  std::array<uint64_t, WS_HIST_BUCKETS> counts{};
  for (const Bucket& bucket : used_) counts[bucket.index] = bucket.count;
  return counts;
}

}  // namespace waitscope
