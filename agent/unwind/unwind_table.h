// The unwind table of one ELF file, in the form of bpf/unwind/table.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/unwind/elf_image.h"
#include "agent/unwind/rule_dictionary.h"

namespace waitscope {

struct ExecSegment {
  uint64_t vaddr = 0;
  uint64_t file_offset = 0;
  uint64_t size = 0;
};

struct UnwindTable {
  std::vector<uint32_t> rows;
  std::vector<uint32_t> page_first_row;  // one more than there are pages
  uint64_t first_page_vaddr = 0;
  std::vector<ExecSegment> segments;
  std::string build_id;        // lower-case hex; empty when the file has none
  uint64_t unusable = 0;       // records of call frame information that could not be used
  uint64_t covered_bytes = 0;  // of code that some record covers

  uint32_t pages() const { return static_cast<uint32_t>(page_first_row.size() - 1); }
  size_t bytes() const { return (rows.size() + page_first_row.size()) * sizeof(uint32_t); }

  // The `bias` of an unwind_mapping for [start, start + length) that shows the file from
  // `file_offset` on. Nothing when that part of the file is not meant to be executed.
  std::optional<uint64_t> BiasOf(uint64_t start, uint64_t length, uint64_t file_offset) const;
  // Rows name their rules by the indexes that these have in another dictionary.
  void Renumber(std::span<const uint16_t> indexes);
};

// Rules that the dictionary does not have are added to it. An image without call frame information
// gives a table all the same: of its entry point and linkage tables, and otherwise empty.
absl::StatusOr<UnwindTable> BuildUnwindTable(const ElfImage& image, RuleDictionary& rules);

}  // namespace waitscope
