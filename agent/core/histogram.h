// Counts of durations in the buckets of bpf/histogram.h. Mergeable; quantiles are bucket middles,
// so within 6.25 % of the true value (0.6 us below 8 us).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "bpf/histogram.h"

namespace waitscope {

class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(std::span<const uint32_t, WS_HIST_BUCKETS> counts);

  void Add(uint64_t duration_ns, uint64_t count = 1);
  void Merge(const Histogram& other);

  // What was added since `earlier`, an older state of the same monotone histogram.
  Histogram Since(const Histogram& earlier) const;

  uint64_t Count() const;
  bool Empty() const { return Count() == 0; }

  // The duration below which a share `q` (0..1) of the counts lies; 0 when empty.
  uint64_t QuantileNs(double q) const;

  // Upper end of the highest bucket in use; 0 when empty.
  uint64_t CeilingNs() const;

  const std::array<uint64_t, WS_HIST_BUCKETS>& Buckets() const { return counts_; }

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  std::array<uint64_t, WS_HIST_BUCKETS> counts_{};
};

}  // namespace waitscope
