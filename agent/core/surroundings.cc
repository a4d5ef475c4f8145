#include "agent/core/surroundings.h"

#include <utility>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint32_t kForgetAfterWindows = 2;

PressureWindow Difference(const pressure_event& earlier, const pressure_event& later) {
  return {.cpu_some_ns = SinceOrZero(earlier.cpu_some_ns, later.cpu_some_ns),
          .io_some_ns = SinceOrZero(earlier.io_some_ns, later.io_some_ns),
          .io_full_ns = SinceOrZero(earlier.io_full_ns, later.io_full_ns),
          .memory_some_ns = SinceOrZero(earlier.memory_some_ns, later.memory_some_ns),
          .memory_full_ns = SinceOrZero(earlier.memory_full_ns, later.memory_full_ns),
          .busy_ns = SinceOrZero(earlier.busy_ns, later.busy_ns),
          .idle_ns = SinceOrZero(earlier.idle_ns, later.idle_ns),
          .steal_ns = SinceOrZero(earlier.steal_ns, later.steal_ns),
          .swapped_pages = SinceOrZero(earlier.swapped_pages, later.swapped_pages),
          .refaulted_pages = SinceOrZero(earlier.refaulted_pages, later.refaulted_pages)};
}

CgroupWindow Difference(const cgroup_event& earlier, const cgroup_event& later) {
  return {.periods = SinceOrZero(earlier.periods, later.periods),
          .throttled_periods = SinceOrZero(earlier.throttled_periods, later.throttled_periods),
          .throttled_ns = SinceOrZero(earlier.throttled_ns, later.throttled_ns),
          .quota_ns = later.quota_ns,
          .period_ns = later.period_ns,
          .memory_bytes = later.memory_bytes,
          .memory_limit = later.memory_limit,
          .memory_limit_hits = SinceOrZero(earlier.memory_limit_hits, later.memory_limit_hits),
          .oom_kills = SinceOrZero(earlier.oom_kills, later.oom_kills),
          .memory_some_ns = SinceOrZero(earlier.memory_some_ns, later.memory_some_ns),
          .pids = later.pids,
          .pids_limit = later.pids_limit,
          .pids_limit_hits = SinceOrZero(earlier.pids_limit_hits, later.pids_limit_hits)};
}

}  // namespace

void SurroundingsStage::Fold(const cgroup_event& event) {
  cgroups_.Fold(PrintableText(event.path), event);
}

void SurroundingsStage::Fold(const lock_owner_event& event) {
  ++lock_owners_[{event.waiter.pid, event.word, event.owner_tid}];
}

// What a first reading counted happened before anybody looked: its window begins with it.
void SurroundingsStage::Close(Snapshot& snapshot) {
  pressure_.Close([&](int, const pressure_event& now, const pressure_event* before) {
    snapshot.pressure = Difference(before != nullptr ? *before : now, now);
  });
  cgroups_.Close([&](const std::string& path, const cgroup_event& now, const cgroup_event* before) {
    snapshot.cgroups[path] = Difference(before != nullptr ? *before : now, now);
  });
  cgroups_.Forget(
      [](const std::string&, uint32_t silent) { return silent >= kForgetAfterWindows; });
  snapshot.listening = listening_;
  snapshot.lock_owners = std::exchange(lock_owners_, {});
}

void SurroundingsStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  pressure_.ForEachClosed([&](const pressure_event& event) { emit(event); });
  cgroups_.ForEachClosed([&](const cgroup_event& event) { emit(event); });
  for (const uint16_t port : listening_) {
    listener_event event{};
    event.port = port;
    emit(event);
  }
}

}  // namespace waitscope
