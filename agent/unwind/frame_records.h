// Call frame information as it lies in .eh_frame: which code it covers, and the programs that
// compute its rows. Views into the section's bytes; any bytes are safe to read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/unwind/byte_reader.h"

namespace waitscope {

// What encoded pointers are relative to.
struct PointerBases {
  uint64_t section = 0;          // where the bytes being read are linked
  std::optional<uint64_t> data;  // the global offset table, or .eh_frame_hdr in itself
};

// Nothing for encodings that no linker writes, and for pointers that are behind another pointer.
std::optional<uint64_t> ReadPointer(ByteReader& reader, uint8_t encoding,
                                    const PointerBases& bases);

struct CommonRecord {  // a CIE
  uint64_t code_alignment = 1;
  int64_t data_alignment = 1;
  uint64_t return_column = 0;
  uint8_t pointer_encoding = 0;
  bool has_augmentation = false;
  bool signal = false;
  std::span<const uint8_t> program;
};

struct RangeRecord {  // an FDE
  uint64_t begin = 0;
  uint64_t end = 0;
  uint32_t common = 0;
  std::span<const uint8_t> program;
  uint64_t program_address = 0;  // where it is linked, for pointers in it
};

struct FrameRecords {
  std::vector<CommonRecord> commons;
  std::vector<RangeRecord> ranges;  // by address
  uint64_t unusable = 0;            // records that could not be read
};

FrameRecords ReadFrameRecords(std::span<const uint8_t> section, const PointerBases& bases);

}  // namespace waitscope
