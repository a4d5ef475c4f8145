// What the core's fold costs: a window of ledgers or of samples, and merging two windows.
#include <benchmark/benchmark.h>

#include <utility>

#include "agent/core/event.h"
#include "agent/core/histogram.h"
#include "agent/core/window_builder.h"

namespace waitscope {
namespace {

constexpr uint64_t kWindowNs = 1'000'000'000;
constexpr uint64_t kPeriodNs = 1'000'000;

thread_ref Thread(uint32_t tid) { return {.pid = 1 + tid / 16, .tid = 1 + tid, .start_ns = 1}; }

tick_event Tick(uint64_t window) {
  tick_event tick{};
  tick.at_ns = (window + 1) * kWindowNs;
  return tick;
}

ledger_event Ledger(uint32_t tid, uint64_t window) {
  ledger_event event{};
  event.thread = Thread(tid);
  event.at_ns = (window + 1) * kWindowNs;
  event.totals.state = THREAD_blocked;
  event.totals.wait_class = WAIT_poll;
  event.totals.born_ns = 1;
  event.totals.since_ns = event.at_ns;
  event.totals.running_ns = window * kWindowNs;
  return event;
}

wait_event Wait(uint32_t index, uint64_t window) {
  wait_event event{};
  event.thread = Thread(index % 1024);
  event.off_ns = (window + 1) * kWindowNs - 3 * kPeriodNs;
  event.wake_ns = event.off_ns + kPeriodNs;
  event.on_ns = event.wake_ns + kPeriodNs;
  event.period_ns = kPeriodNs;
  event.kernel_stack = 1 + index % 64;
  event.user_stack = 100 + index % 256;
  event.wait_class = WAIT_lock;
  return event;
}

void FoldLedgers(benchmark::State& state) {
  WindowBuilder builder;
  uint64_t window = 0;
  for (auto _ : state) {
    for (uint32_t tid = 0; tid < state.range(0); ++tid) builder.Fold(Ledger(tid, window));
    benchmark::DoNotOptimize(builder.Fold(Tick(window++)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(FoldLedgers)->Arg(100)->Arg(10'000);

void FoldSamples(benchmark::State& state) {
  WindowBuilder builder;
  uint64_t window = 0;
  for (auto _ : state) {
    for (uint32_t index = 0; index < state.range(0); ++index) builder.Fold(Wait(index, window));
    benchmark::DoNotOptimize(builder.Fold(Tick(window++)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(FoldSamples)->Arg(1000)->Arg(100'000);

Snapshot WindowOf(uint32_t threads, uint64_t window) {
  WindowBuilder builder;
  builder.Fold(Tick(window));
  for (uint32_t tid = 0; tid < threads; ++tid) builder.Fold(Ledger(tid, window + 1));
  for (uint32_t index = 0; index < threads; ++index) builder.Fold(Wait(index, window + 1));
  return builder.Fold(Tick(window + 1))->snapshot;
}

void MergeWindows(benchmark::State& state) {
  const Snapshot first = WindowOf(state.range(0), 1);
  const Snapshot second = WindowOf(state.range(0), 2);
  for (auto _ : state) {
    Snapshot merged = first;
    Merge(merged, second);
    benchmark::DoNotOptimize(merged);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(MergeWindows)->Arg(1000);

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

}  // namespace
}  // namespace waitscope
