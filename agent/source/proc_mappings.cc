#include "agent/source/proc_mappings.h"

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "agent/os/file_access.h"
#include "agent/os/process_maps.h"

namespace waitscope {
namespace {

constexpr size_t kMaxMapsBytes = 32 << 20;

MappingRecord RecordOf(uint32_t pid, const Mapping& mapping, uint64_t now_ns) {
  return {.kind = MappingRecord::Kind::kMap,
          .time_ns = now_ns,
          .pid = pid,
          .start = mapping.start,
          .end = mapping.end,
          .offset = mapping.offset,
          .file = {mapping.device, mapping.inode, mapping.path}};
}

}  // namespace

std::vector<MappingRecord> ReadMappings(uint32_t pid, uint64_t now_ns) {
  const std::string text =
      ReadText(absl::StrCat("/proc/", pid, "/maps"), kMaxMapsBytes).value_or("");
  std::vector<MappingRecord> records;
  for (const Mapping& mapping : ParseMaps(text, SIZE_MAX).executable) {
    records.push_back(RecordOf(pid, mapping, now_ns));
  }
  return records;
}

bool IsGone(uint32_t pid) {
  return access(absl::StrCat("/proc/", pid, "/task").c_str(), F_OK) != 0;
}

}  // namespace waitscope
