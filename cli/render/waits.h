// Wait classes summed into the columns the text views show.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "waitscope/v1/snapshot.pb.h"

namespace waitscope::cli {

enum class WaitColumn : uint8_t { kDisk, kNetwork, kLock, kPoll, kSleep, kOther };

// page-fault and commit are waits for a disk too; pipe, child, reclaim and the rest are "other".
WaitColumn ColumnOfClass(absl::string_view wait_class);

struct WaitSums {
  uint64_t disk_ns = 0;
  uint64_t network_ns = 0;
  uint64_t lock_ns = 0;
  uint64_t poll_ns = 0;
  uint64_t sleep_ns = 0;
  uint64_t other_ns = 0;

  uint64_t& At(WaitColumn column);
};

WaitSums SumWaits(const google::protobuf::RepeatedPtrField<v1::Wait>& waits);

}  // namespace waitscope::cli
