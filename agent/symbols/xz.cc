#include "agent/symbols/xz.h"

#include <lzma.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

// `xz -9` asks for 65 MiB to unpack; a dictionary larger than that is not meant well.
constexpr uint64_t kMemoryLimit = 80 << 20;
constexpr size_t kFirstChunk = 64 << 10;

struct EndStream {
  void operator()(lzma_stream* stream) const { lzma_end(stream); }
};

}  // namespace

absl::StatusOr<std::string> DecompressXz(std::string_view packed, size_t max_bytes) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMemoryLimit, 0) != LZMA_OK) {
    return absl::ResourceExhaustedError("no memory to unpack xz data");
  }
  const std::unique_ptr<lzma_stream, EndStream> end(&stream);
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  std::string unpacked;
  lzma_ret result = LZMA_OK;
  while (result == LZMA_OK && unpacked.size() < max_bytes) {
    const size_t before = unpacked.size();
    unpacked.resize(std::min(max_bytes, std::max(kFirstChunk, before * 2)));
    stream.next_out = reinterpret_cast<uint8_t*>(unpacked.data()) + before;
    stream.avail_out = unpacked.size() - before;
    result = lzma_code(&stream, LZMA_FINISH);
    unpacked.resize(unpacked.size() - stream.avail_out);
  }
  if (result != LZMA_STREAM_END) {
    return absl::InvalidArgumentError(
        absl::StrCat("xz data is damaged, cut short or unpacks to more than ", max_bytes,
                     " bytes (lzma error ", static_cast<int>(result), ")"));
  }
  unpacked.shrink_to_fit();
  return unpacked;
}

}  // namespace waitscope
