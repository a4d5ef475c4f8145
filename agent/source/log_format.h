// The .wslog file: a header, then blocks of records, then an empty block that says the log is
// whole.
//
//   header   "WSLOG\0", schema version (16 bits)
//   block    compressed size, raw size (32 bits each), then a zstd frame with a checksum
//   end      a block whose two sizes are 0
//
// A block holds whole records and is checked before any of them is used, so a log that was cut
// off or damaged is right up to its last good block. Numbers are little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace waitscope {

inline constexpr size_t kLogHeaderBytes = 8;
inline constexpr size_t kBlockHeaderBytes = 8;
inline constexpr size_t kBlockTargetBytes = 256 * 1024;  // raw; a writer closes a block above it
inline constexpr size_t kBlockMaxBytes = 1024 * 1024;    // raw; a reader refuses more

struct BlockHeader {
  uint32_t compressed_bytes = 0;
  uint32_t raw_bytes = 0;

  bool IsEnd() const { return compressed_bytes == 0 && raw_bytes == 0; }
};

std::string LogHeader();
absl::Status CheckLogHeader(std::string_view header);

std::string EncodeBlockHeader(const BlockHeader& header);
// `bytes` are kBlockHeaderBytes. Sizes no writer makes are an error.
absl::StatusOr<BlockHeader> DecodeBlockHeader(std::string_view bytes);

}  // namespace waitscope
