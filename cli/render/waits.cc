#include "cli/render/waits.h"

namespace waitscope::cli {

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

WaitSums SumWaits(const google::protobuf::RepeatedPtrField<v1::Wait>& waits) {
  WaitSums sums;
  for (const v1::Wait& wait : waits) sums.At(ColumnOfClass(wait.class_())) += wait.ns();
  return sums;
}

}  // namespace waitscope::cli
