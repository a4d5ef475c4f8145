#include "agent/os/local_files.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "agent/os/file_access.h"

namespace waitscope {
namespace {

constexpr size_t kMaxMountsBytes = 4 << 20;
constexpr size_t kMaxMapsBytes = 32 << 20;
constexpr absl::string_view kOnDisk[] = {"bcachefs", "btrfs",   "erofs",    "ext2", "ext3", "ext4",
                                         "f2fs",     "overlay", "squashfs", "xfs",  "zfs"};

std::optional<uint64_t> Device(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> numbers =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  uint32_t major = 0;
  uint32_t minor = 0;
  if (!absl::SimpleAtoi(numbers.first, &major) || !absl::SimpleAtoi(numbers.second, &minor)) {
    return std::nullopt;
  }
  return uint64_t{major} << 32 | minor;
}

// What the machine's first process sees mounted, and not the process itself: in a name space of its
// own anybody may mount an overlay of a FUSE.
std::vector<AddressRange> RangesOf(uint32_t pid) {
  const std::string mounts = ReadText("/proc/1/mountinfo", kMaxMountsBytes).value_or("");
  const std::string maps =
      ReadText(absl::StrCat("/proc/", pid, "/maps"), kMaxMapsBytes).value_or("");
  return RangesOn(maps, LocalDevices(mounts));
}

}  // namespace

// "36 35 98:0 / /srv rw,noatime master:1 - ext4 /dev/sda1 rw": some fields may be missing before
// the dash.
std::set<uint64_t> LocalDevices(absl::string_view mountinfo) {
  std::set<uint64_t> devices;
  for (const absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 3 || fields.end() - dash < 2) continue;
    const std::optional<uint64_t> device = Device(fields[2]);
    const bool on_disk =
        std::find(std::begin(kOnDisk), std::end(kOnDisk), dash[1]) != std::end(kOnDisk);
    if (device && on_disk) devices.insert(*device);
  }
  return devices;
}

bool LocalFiles::Hold(uint64_t address) {
  if (!ranges_) ranges_ = RangesOf(pid_);
  return std::any_of(ranges_->begin(), ranges_->end(), [&](const AddressRange& range) {
    return range.start <= address && address < range.end;
  });
}

}  // namespace waitscope
