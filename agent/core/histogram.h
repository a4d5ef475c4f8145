// Counts of durations in the buckets of bpf/histogram.h. Mergeable; quantiles are bucket middles,
// so within 6.25 % of the true value (0.6 us below 8 us). Only buckets in use are stored: most
// threads use a handful of the 176.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "bpf/histogram.h"

namespace waitscope {

class Histogram {
 public:
  struct Bucket {
    uint32_t index = 0;
    uint64_t count = 0;

    friend bool operator==(const Bucket&, const Bucket&) = default;
  };
  using WireCounts = std::span<const uint32_t, WS_HIST_BUCKETS>;

  Histogram() = default;
  explicit Histogram(WireCounts counts);

  // What was added between two states of one monotone histogram; right across a 32-bit wrap.
  static Histogram Between(WireCounts earlier, WireCounts later);

  void Add(uint64_t duration_ns, uint64_t count = 1);
  void Merge(const Histogram& other);

  uint64_t Count() const;
  bool Empty() const { return used_.empty(); }

  // The duration below which a share `q` (0..1) of the counts lies; 0 when empty.
  uint64_t QuantileNs(double q) const;

  // Upper end of the highest bucket in use; 0 when empty. The last bucket has no true upper end.
  uint64_t CeilingNs() const;

  // An exact maximum kept beside the histogram may be older than what was counted here: the
  // ceiling bounds it.
  uint64_t BoundedMaxNs(uint64_t max_ns) const;

  // In order, without the empty ones.
  std::span<const Bucket> Used() const { return used_; }
  std::array<uint64_t, WS_HIST_BUCKETS> Buckets() const;

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  std::vector<Bucket> used_;
};

}  // namespace waitscope
