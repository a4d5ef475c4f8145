#include "cli/render/waits.h"

#include <algorithm>

namespace waitscope::cli {
namespace {

constexpr uint64_t kLongestContention = 1'000'000'000;

}  // namespace

WaitColumn ColumnOfClass(absl::string_view wait_class) {
  if (wait_class == "disk" || wait_class == "page-fault" || wait_class == "commit") {
    return WaitColumn::kDisk;
  }
  if (wait_class == "network") return WaitColumn::kNetwork;
  if (wait_class == "lock") return WaitColumn::kLock;
  if (wait_class == "poll") return WaitColumn::kPoll;
  if (wait_class == "sleep") return WaitColumn::kSleep;
  return WaitColumn::kOther;
}

uint64_t& WaitSums::At(WaitColumn column) {
  switch (column) {
    case WaitColumn::kDisk:
      return disk_ns;
    case WaitColumn::kNetwork:
      return network_ns;
    case WaitColumn::kLock:
      return lock_ns;
    case WaitColumn::kPoll:
      return poll_ns;
    case WaitColumn::kSleep:
      return sleep_ns;
    case WaitColumn::kOther:
      break;
  }
  return other_ns;
}

WaitSums SumWaits(const WaitList& waits) {
  WaitSums sums;
  for (const v1::Wait& wait : waits) sums.At(ColumnOfClass(wait.class_())) += wait.ns();
  return sums;
}

uint64_t TellingWaitNs(const WaitList& waits) {
  uint64_t ns = 0;
  for (const v1::Wait& wait : waits) {
    const WaitColumn column = ColumnOfClass(wait.class_());
    if (column == WaitColumn::kLock) ns += std::min(wait.ns(), wait.count() * kLongestContention);
    if (column == WaitColumn::kDisk || column == WaitColumn::kNetwork) ns += wait.ns();
    if (wait.class_() == "reclaim") ns += wait.ns();
  }
  return ns;
}

}  // namespace waitscope::cli
