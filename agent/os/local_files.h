// What of a process's memory lies in files on disks of this machine: such a page comes as soon as
// the disk answers. That of FUSE or a network comes when somebody else likes it to, and in tmpfs it
// may be in swap or kept back by a userfaultfd.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/os/process_maps.h"

namespace waitscope {

// The devices of file systems on disks, of the text of a /proc/PID/mountinfo: as in Mapping.
std::set<uint64_t> LocalDevices(absl::string_view mountinfo);

// Of one process, as it is when it is first asked about.
class LocalFiles {
 public:
  explicit LocalFiles(uint32_t pid) : pid_(pid) {}
  bool Hold(uint64_t address);

 private:
  uint32_t pid_;
  std::optional<std::vector<AddressRange>> ranges_;
};

}  // namespace waitscope
