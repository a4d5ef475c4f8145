// Reads a .wslog that may be cut off, damaged or hostile: memory stays bounded by one block.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/core/event.h"

namespace waitscope {

class LogReader {
 public:
  // `in` must outlive the reader.
  explicit LogReader(std::istream& in) : in_(in) {}

  // The next record; none at the log's closing mark. After an error: that error again. Records
  // of kinds this program does not know are skipped and counted.
  absl::StatusOr<std::optional<Event>> Next();

  uint64_t skipped_records() const { return skipped_records_; }

 private:
  absl::Status Begin();
  absl::Status NextBlock();
  absl::Status ReadBlock(uint32_t compressed_bytes, uint32_t raw_bytes);
  absl::StatusOr<Event> NextRecord();
  absl::StatusOr<std::string> ReadBytes(size_t count);
  absl::Status Damaged(std::string_view what) const;

  std::istream& in_;
  bool begun_ = false;
  bool ended_ = false;
  absl::Status failure_;
  uint64_t offset_ = 0;        // in the file, of what is read next
  uint64_t block_offset_ = 0;  // in the file, of the current block
  std::string raw_;
  size_t position_ = 0;  // in raw_
  uint64_t skipped_records_ = 0;
};

}  // namespace waitscope
