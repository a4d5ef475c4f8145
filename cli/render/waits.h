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

using WaitList = google::protobuf::RepeatedPtrField<v1::Wait>;

WaitSums SumWaits(const WaitList& waits);

// Blocked time worth ranking by: never poll, sleep, a child or a pipe, and of locks at most a
// second a wait, because threads parked until there is work wait longer than contended ones.
uint64_t TellingWaitNs(const WaitList& waits);

}  // namespace waitscope::cli
