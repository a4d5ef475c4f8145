#include "agent/core/devices.h"

#include <gmock/gmock.h>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

using testing::SizeIs;

constexpr uint32_t kDisk = 8 << 20;

device_event TotalsAt(uint64_t ns, uint64_t reads) {
  device_event event{};
  event.dev = kDisk;
  event.at_ns = ns;
  event.busy_ns = ns / 2;
  event.in_flight = static_cast<uint32_t>(reads % 5);
  event.ops[BLOCK_read] = {
      .requests = reads, .bytes = 4096 * reads, .queue_ns = 0, .device_ns = 1000 * reads};
  event.read_hist[1] = static_cast<uint32_t>(reads);
  return event;
}

Snapshot Close(DeviceStage& stage) {
  Snapshot snapshot;
  stage.Close(snapshot);
  return snapshot;
}

TEST(Devices, WindowIsTheDifferenceOfTotals) {
  DeviceStage stage;
  device_name_event name{};
  name.dev = kDisk;
  SetText(name.name, "sda");
  stage.Fold(name);
  stage.Fold(TotalsAt(1000, 7));
  Close(stage);
  stage.Fold(TotalsAt(2000, 11));
  stage.Fold(TotalsAt(1500, 9));
  const DeviceWindow window = Close(stage).devices.at(kDisk);
  EXPECT_EQ(window.name, "sda");
  EXPECT_EQ(window.ops[BLOCK_read].requests, 4u);
  EXPECT_EQ(window.ops[BLOCK_read].bytes, 4u * 4096);
  EXPECT_EQ(window.busy_ns, 500u);
  EXPECT_EQ(window.in_flight, 1u);
  EXPECT_EQ(window.read_time.Count(), 4u);
}

TEST(Devices, NewDeviceCountsFromZero) {
  DeviceStage stage;
  stage.Fold(TotalsAt(1000, 7));
  EXPECT_EQ(Close(stage).devices.at(kDisk).ops[BLOCK_read].requests, 7u);
}

TEST(Devices, SlowestRequestsAreKeptAndOnlyForTheirWindow) {
  DeviceStage stage;
  for (uint64_t length = 1; length <= 5000; ++length) {
    block_event request{};
    request.insert_ns = 10;
    request.complete_ns = 10 + length;
    stage.Fold(request);
  }
  const Snapshot snapshot = Close(stage);
  ASSERT_THAT(snapshot.requests, SizeIs(kSlowestRequests));
  EXPECT_EQ(snapshot.requests.front().complete_ns, 5010u);
  EXPECT_EQ(snapshot.requests.back().complete_ns, 5010 - kSlowestRequests + 1);
  EXPECT_THAT(Close(stage).requests, SizeIs(0));
}

}  // namespace
}  // namespace waitscope
