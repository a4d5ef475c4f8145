#include "agent/source/disk_check.h"

#include <array>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace waitscope {
namespace {

constexpr uint64_t kTickNs = 10'000'000;  // at most, of the kernel's count

// Fields of a line, as Documentation/admin-guide/iostats.rst counts them, after major, minor, name.
constexpr size_t kInFlight = 3 + 8;
constexpr size_t kBusyMs = 3 + 9;

}  // namespace

std::map<uint32_t, KernelDisk> ParseDiskstats(std::string_view text) {
  std::map<uint32_t, KernelDisk> disks;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ', absl::SkipWhitespace());
    if (fields.size() <= kBusyMs) continue;
    uint32_t major = 0;
    uint32_t minor = 0;
    uint64_t busy_ms = 0;
    KernelDisk disk;
    const bool read = absl::SimpleAtoi(fields[0], &major) && absl::SimpleAtoi(fields[1], &minor) &&
                      absl::SimpleAtoi(fields[kInFlight], &disk.in_flight) &&
                      absl::SimpleAtoi(fields[kBusyMs], &busy_ms);
    disk.busy_ns = busy_ms * 1'000'000;
    if (read) disks[major << 20 | minor] = disk;
  }
  return disks;
}

void DiskCheck::Correct(const KernelDisk& kernel, bool skipped, device_event& reading) {
  const auto [at, added] = last_.try_emplace(reading.dev);
  Last& last = at->second;
  const uint64_t busy_ns = reading.busy_ns;
  if (!added && busy_ns >= last.busy_ns && kernel.busy_ns >= last.kernel_busy_ns) {
    const uint64_t ours_ns = busy_ns - last.busy_ns;
    const uint64_t theirs_ns = kernel.busy_ns - last.kernel_busy_ns;
    const bool suspect = skipped || reading.in_flight > kernel.in_flight;
    if (suspect && ours_ns > theirs_ns + theirs_ns / 20 + 2 * kTickNs) {
      last.excess_ns += ours_ns - theirs_ns;
      reading.in_flight = kernel.in_flight;
    }
  }
  last.busy_ns = busy_ns;
  last.kernel_busy_ns = kernel.busy_ns;
  reading.busy_ns = busy_ns - last.excess_ns;
}

}  // namespace waitscope
