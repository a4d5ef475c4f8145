// The parts of an ELF file that naming addresses needs, read with every count checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/symbols/string_table.h"

namespace waitscope {

struct ElfSegment {  // one PT_LOAD
  uint64_t offset = 0;
  uint64_t address = 0;
  uint64_t file_size = 0;
  bool executable = false;
};

struct ElfSection {
  uint32_t type = 0;
  uint64_t flags = 0;
  uint64_t address = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint32_t link = 0;
};

struct DebugLink {
  std::string name;  // a file name without directory
  uint32_t crc = 0;
};

struct ElfLayout {
  bool is_64 = true;
  std::vector<ElfSegment> segments;
  std::vector<ElfSection> sections;
  std::string build_id;  // lower-case hex; empty when the file has none
  std::optional<DebugLink> debug_link;
  std::optional<ElfSection> debugdata;  // .gnu_debugdata: a small ELF file, xz-compressed

  // The address a file offset is linked at, by the program headers. That is the whole truth for
  // PIE, static PIE, fixed and prelinked files alike: no bias has to be guessed.
  std::optional<uint64_t> AddressOf(uint64_t file_offset) const;
  const ElfSection* FindSection(uint32_t type) const;
};

absl::StatusOr<ElfLayout> ReadElfLayout(const ByteSource& source);

}  // namespace waitscope
