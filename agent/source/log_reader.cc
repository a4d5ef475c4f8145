#include "agent/source/log_reader.h"

#include <zstd.h>

#include <cstring>
#include <span>
#include <variant>

#include "absl/strings/str_cat.h"
#include "agent/source/event_codec.h"
#include "agent/source/log_format.h"

namespace waitscope {

absl::StatusOr<std::optional<Event>> LogReader::Next() {
  if (!begun_ && failure_.ok()) failure_ = Begin();
  while (failure_.ok() && !ended_) {
    if (position_ == raw_.size()) {
      failure_ = NextBlock();
      continue;
    }
    absl::StatusOr<Event> event = NextRecord();
    if (!event.ok()) {
      failure_ = event.status();
    } else if (std::holds_alternative<std::monostate>(*event)) {
      ++skipped_records_;
    } else {
      return *std::move(event);
    }
  }
  if (!failure_.ok()) return failure_;
  return std::nullopt;
}

absl::Status LogReader::Begin() {
  begun_ = true;
  std::string header(kLogHeaderBytes, '\0');
  in_.read(header.data(), static_cast<std::streamsize>(header.size()));
  header.resize(static_cast<size_t>(in_.gcount()));
  offset_ = header.size();
  return CheckLogHeader(header);
}

absl::Status LogReader::NextBlock() {
  block_offset_ = offset_;
  absl::StatusOr<std::string> bytes = ReadBytes(kBlockHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<BlockHeader> header = DecodeBlockHeader(*bytes);
  if (!header.ok()) return Damaged(std::string(header.status().message()));
  if (!header->IsEnd()) return ReadBlock(header->compressed_bytes, header->raw_bytes);
  ended_ = true;
  return absl::OkStatus();
}

absl::Status LogReader::ReadBlock(uint32_t compressed_bytes, uint32_t raw_bytes) {
  absl::StatusOr<std::string> compressed = ReadBytes(compressed_bytes);
  if (!compressed.ok()) return compressed.status();
  raw_.resize(raw_bytes);
  position_ = 0;
  const size_t size =
      ZSTD_decompress(raw_.data(), raw_.size(), compressed->data(), compressed->size());
  if (ZSTD_isError(size) != 0) return Damaged(ZSTD_getErrorName(size));
  if (size != raw_bytes) return Damaged("a block is shorter than it claims");
  return absl::OkStatus();
}

absl::StatusOr<Event> LogReader::NextRecord() {
  const std::span<const std::byte> rest = std::as_bytes(std::span(raw_)).subspan(position_);
  absl::StatusOr<Event> event = DecodeEvent(rest);
  if (!event.ok()) return Damaged(std::string(event.status().message()));
  event_header header{};
  std::memcpy(&header, rest.data(), sizeof(header));
  position_ += header.size;
  return event;
}

absl::StatusOr<std::string> LogReader::ReadBytes(size_t count) {
  std::string bytes(count, '\0');
  in_.read(bytes.data(), static_cast<std::streamsize>(count));
  const auto got = static_cast<size_t>(in_.gcount());
  offset_ += got;
  if (got == count) return bytes;
  return absl::DataLossError(absl::StrCat(
      "the log ends at byte ", offset_,
      " without its closing mark: the recording was cut off. What comes before is whole; record "
      "again to have the rest"));
}

absl::Status LogReader::Damaged(std::string_view what) const {
  return absl::DataLossError(absl::StrCat("the log is damaged in the block at byte ", block_offset_,
                                          ": ", std::string(what),
                                          ". What comes before is whole; copy the file again from "
                                          "where it was recorded"));
}

}  // namespace waitscope
