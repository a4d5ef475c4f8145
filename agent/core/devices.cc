#include "agent/core/devices.h"

#include <utility>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

device_op_totals Difference(const device_op_totals& earlier, const device_op_totals& later) {
  return {.requests = SinceOrZero(earlier.requests, later.requests),
          .bytes = SinceOrZero(earlier.bytes, later.bytes),
          .queue_ns = SinceOrZero(earlier.queue_ns, later.queue_ns),
          .device_ns = SinceOrZero(earlier.device_ns, later.device_ns)};
}

DeviceWindow WindowOf(const device_event& now, const device_event& previous) {
  DeviceWindow window;
  window.dev = now.dev;
  for (size_t op = 0; op < BLOCK_OP_COUNT; ++op) {
    window.ops[op] = Difference(previous.ops[op], now.ops[op]);
  }
  window.busy_ns = SinceOrZero(previous.busy_ns, now.busy_ns);
  window.in_flight = now.in_flight;
  window.errors = SinceOrZero(previous.errors, now.errors);
  window.queue_time = Histogram::Between(previous.queue_hist, now.queue_hist);
  window.read_time = Histogram::Between(previous.read_hist, now.read_hist);
  window.write_time = Histogram::Between(previous.write_hist, now.write_hist);
  return window;
}

}  // namespace

void DeviceStage::Fold(const device_event& event) { devices_.Fold(event.dev, event); }

void DeviceStage::Fold(const device_name_event& event) { names_[event.dev] = event; }

void DeviceStage::Fold(const block_event& event) {
  requests_.push_back(event);
  if (requests_.size() >= 4 * kSlowestRequests) KeepSlowest(requests_);
}

void DeviceStage::Close(Snapshot& snapshot) {
  devices_.Close([&](uint32_t dev, const device_event& now, const device_event* previous) {
    static constexpr device_event kNothing{};
    DeviceWindow window = WindowOf(now, previous != nullptr ? *previous : kNothing);
    const auto name = names_.find(dev);
    if (name != names_.end()) window.name = PrintableText(name->second.name);
    snapshot.devices.emplace(dev, std::move(window));
  });
  KeepSlowest(requests_);
  snapshot.requests = std::exchange(requests_, {});
}

void DeviceStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  for (const auto& [dev, name] : names_) emit(name);
  devices_.ForEachClosed([&](const device_event& event) { emit(event); });
}

}  // namespace waitscope
