#include "agent/source/log_format.h"

#include <zstd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "bpf/events.h"

namespace waitscope {
namespace {

constexpr std::string_view kMagic("WSLOG\0", 6);
constexpr uint16_t kOldestReadable = 1;

static_assert(kMagic.size() + sizeof(uint16_t) == kLogHeaderBytes);
static_assert(sizeof(BlockHeader) == kBlockHeaderBytes);

}  // namespace

std::string LogHeader() {
  const uint16_t version = WS_SCHEMA_VERSION;
  std::string header(kMagic);
  header.append(reinterpret_cast<const char*>(&version), sizeof(version));
  return header;
}

absl::Status CheckLogHeader(std::string_view header) {
  if (header.size() < kLogHeaderBytes || !header.starts_with(kMagic)) {
    return absl::InvalidArgumentError(
        "this is not a waitscope log: it does not begin with WSLOG. Give a file made by "
        "\"waitscope record\"");
  }
  uint16_t version = 0;
  std::memcpy(&version, header.data() + kMagic.size(), sizeof(version));
  if (version > WS_SCHEMA_VERSION) {
    return absl::UnimplementedError(absl::StrCat("this log has format ", version,
                                                 "; this waitscope reads up to format ",
                                                 WS_SCHEMA_VERSION, ". Use a newer waitscope"));
  }
  if (version < kOldestReadable) {
    return absl::UnimplementedError(absl::StrCat(
        "this log has format ", version, ", which is no longer read (oldest: ", kOldestReadable,
        "). Replay it with the waitscope that recorded it"));
  }
  return absl::OkStatus();
}

std::string EncodeBlockHeader(const BlockHeader& header) {
  return {reinterpret_cast<const char*>(&header), sizeof(header)};
}

absl::StatusOr<BlockHeader> DecodeBlockHeader(std::string_view bytes) {
  BlockHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const bool one_is_zero = (header.compressed_bytes == 0) != (header.raw_bytes == 0);
  if (one_is_zero || header.raw_bytes > kBlockMaxBytes ||
      header.compressed_bytes > ZSTD_COMPRESSBOUND(kBlockMaxBytes)) {
    return absl::DataLossError(absl::StrCat("a block claims ", header.compressed_bytes,
                                            " compressed and ", header.raw_bytes,
                                            " raw bytes, which no writer makes"));
  }
  return header;
}

}  // namespace waitscope
