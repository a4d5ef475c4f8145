// Hand-made ELF files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unwind/frame_bytes.h"

namespace waitscope::testing {

struct ElfPart {  // a section, loaded by a segment of its own
  std::string name;
  uint64_t address = 0;
  Bytes bytes;
  bool executable = false;
  uint32_t type = 1;  // SHT_PROGBITS
};

struct ElfParts {
  uint64_t entry = 0;
  std::vector<ElfPart> parts;
  bool section_headers = true;
};

// The part named .eh_frame_hdr, if any, gets a PT_GNU_EH_FRAME.
Bytes MakeElf(const ElfParts& elf);

// Where MakeElf puts the part with this index.
uint64_t FileOffsetOf(const ElfParts& elf, size_t index);

// `size` bytes of code at `address` that `frames`, linked at kFrames, describes.
inline constexpr uint64_t kFrames = 0x200000;
ElfParts TextWith(uint64_t address, uint64_t size, const Bytes& frames);

}  // namespace waitscope::testing
