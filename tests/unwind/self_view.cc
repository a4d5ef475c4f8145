#include "tests/unwind/self_view.h"

#include <fcntl.h>

#include <fstream>
#include <ios>
#include <sstream>

#include "agent/os/unique_fd.h"
#include "agent/unwind/elf_image.h"

namespace waitscope::testing {

SelfView::SelfView() {
  std::ifstream maps("/proc/self/maps");
  for (std::string text; std::getline(maps, text);) {
    std::istringstream in(text);
    Line line;
    char dash = 0;
    std::string permissions;
    std::string device;
    uint64_t inode = 0;
    in >> std::hex >> line.start >> dash >> line.end >> permissions >> line.offset >> device >>
        std::dec >> inode >> std::ws;
    std::getline(in, line.path);
    if (permissions.find('x') != std::string::npos && line.path != "[vsyscall]") Add(line);
  }
}

void SelfView::Add(const Line& line) {
  unwind_mapping mapping = {.start = line.start, .end = line.end};
  mapping.type = line.path.empty() ? UNWIND_MAPPING_anonymous : UNWIND_MAPPING_no_table;
  const auto table = Build(line);
  if (table.ok()) Publish(*table, mapping, line);
  mappings_.push_back(mapping);
}

absl::StatusOr<UnwindTable> SelfView::Build(const Line& line) {
  if (line.path == "[vdso]") {
    const auto* bytes = reinterpret_cast<const uint8_t*>(line.start);  // NOLINT: our own
    const auto image = ElfImage::FromMemory({bytes, line.end - line.start});
    if (!image.ok()) return image.status();
    return BuildUnwindTable(*image, rules_);
  }
  const UniqueFd file(open(line.path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto image = ElfImage::FromFile(file.get());
  if (!image.ok()) return image.status();
  return BuildUnwindTable(*image, rules_);
}

void SelfView::Publish(const UnwindTable& table, unwind_mapping& mapping, const Line& line) {
  const auto bias = table.BiasOf(line.start, line.end - line.start, line.offset);
  if (!bias) return;
  mapping.type = UNWIND_MAPPING_table;
  mapping.bias = *bias;
  mapping.page_base = static_cast<uint32_t>(pages_.size());
  mapping.npages = table.pages();
  for (const uint32_t row : table.page_first_row) {
    pages_.push_back(static_cast<uint32_t>(rows_.size()) + row);
  }
  rows_.insert(rows_.end(), table.rows.begin(), table.rows.end());
}

}  // namespace waitscope::testing
