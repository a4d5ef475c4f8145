#include "agent/core/unread.h"

namespace waitscope {
namespace {

constexpr uint32_t kForgetAfterWindows = 2;

UnreadWindow WindowOf(const unread_event& now, const unread_event& previous) {
  UnreadWindow window;
  window.reads = now.reads - previous.reads;
  window.age_ns = SinceOrZero(previous.age_ns, now.age_ns);
  window.ages = Histogram::Between(previous.age_hist, now.age_hist);
  window.age_max_ns = window.ages.BoundedMaxNs(now.age_max_ns);
  window.open = Histogram::Between(unread_event{}.open_hist, now.open_hist);
  window.open_oldest_ns = now.open_oldest_ns;
  return window;
}

}  // namespace

void UnreadStage::Close(Snapshot& snapshot) {
  ports_.Close([&](const UnreadKey& key, const unread_event& now, const unread_event* before) {
    const bool continued = before != nullptr && before->reads <= now.reads;
    UnreadWindow window = WindowOf(now, continued ? *before : unread_event{});
    const bool told = window.reads != 0 || !window.open.Empty();
    if (told) snapshot.unread.emplace(key, std::move(window));
  });
  ports_.Forget([&](const UnreadKey& key, uint32_t silent_windows) {
    return silent_windows >= kForgetAfterWindows && !HasThreadOf(key.pid, snapshot);
  });
}

void UnreadStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  ports_.ForEachClosed([&](const unread_event& event) { emit(event); });
}

std::vector<PortAges> UnreadAgesByPort(const Snapshot& snapshot, uint32_t pid) {
  std::vector<PortAges> ports;
  for (auto row = snapshot.unread.lower_bound({pid, 0});
       row != snapshot.unread.end() && row->first.pid == pid; ++row) {
    PortAges& port =
        ports.emplace_back(PortAges{.port = row->first.port, .ages = row->second.ages});
    port.ages.Merge(row->second.open);
  }
  return ports;
}

Histogram UnreadAges(const Snapshot& snapshot, uint32_t pid) {
  Histogram ages;
  for (const PortAges& port : UnreadAgesByPort(snapshot, pid)) ages.Merge(port.ages);
  return ages;
}

uint64_t UnreadAgeP99(const Snapshot& snapshot, uint32_t pid) {
  return UnreadAges(snapshot, pid).QuantileNs(0.99);
}

}  // namespace waitscope
