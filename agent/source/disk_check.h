// The kernel's own account of its disks, against which ours is held: a kernel that skips the
// tracepoint of a completion leaves a request in flight for us alone, and the disk busy.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "bpf/events.h"

namespace waitscope {

struct KernelDisk {
  uint32_t in_flight = 0;
  uint64_t busy_ns = 0;  // to the tick: what iostat calls utilisation
};

// /proc/diskstats, by device number as in device_event.
std::map<uint32_t, KernelDisk> ParseDiskstats(std::string_view text);

class DiskCheck {
 public:
  // Takes out of a reading's busy time what no request accounts for. Only where ours is plainly too
  // long, and the kernel has fewer requests in flight or `skipped` says that completions were
  // missed: for short requests our own count is the better one.
  void Correct(const KernelDisk& kernel, bool skipped, device_event& reading);

 private:
  struct Last {
    uint64_t busy_ns = 0;
    uint64_t kernel_busy_ns = 0;
    uint64_t excess_ns = 0;
  };

  std::map<uint32_t, Last> last_;
};

}  // namespace waitscope
