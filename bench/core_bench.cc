// What folding costs: nanoseconds per histogram operation of the core.
#include <benchmark/benchmark.h>

#include "agent/core/histogram.h"

namespace waitscope {
namespace {

void HistogramAdd(benchmark::State& state) {
  Histogram histogram;
  uint64_t duration_ns = 1;
  for (auto _ : state) {
    histogram.Add(duration_ns);
    duration_ns = duration_ns * 3 % 1'000'000'007;
  }
  benchmark::DoNotOptimize(histogram.Count());
}
BENCHMARK(HistogramAdd);

void HistogramQuantile(benchmark::State& state) {
  Histogram histogram;
  for (uint64_t duration_ns = 1; duration_ns < 1'000'000'000; duration_ns *= 2) {
    histogram.Add(duration_ns);
  }
  for (auto _ : state) benchmark::DoNotOptimize(histogram.QuantileNs(0.99));
}
BENCHMARK(HistogramQuantile);

}  // namespace
}  // namespace waitscope
