// The parts of an ELF file that unwinding needs, read with every count checked. Files are read
// with pread, never mapped: a file cut short while mapped would be a SIGBUS.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace waitscope {

class ElfImage {
 public:
  struct Segment {  // one PT_LOAD
    uint64_t address = 0;
    uint64_t offset = 0;
    uint64_t file_size = 0;
    bool executable = false;
  };
  struct Section {
    std::string name;
    uint32_t type = 0;
    uint64_t address = 0;
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  // The descriptor must stay open as long as the image is in use.
  static absl::StatusOr<ElfImage> FromFile(int fd);
  // For what is no file: the vdso, or an image in a test.
  static absl::StatusOr<ElfImage> FromMemory(std::span<const uint8_t> bytes);

  uint64_t entry() const { return entry_; }
  const std::vector<Segment>& segments() const { return segments_; }
  // Empty when the file is without section headers.
  const std::vector<Section>& sections() const { return sections_; }
  const Section* FindSection(absl::string_view name) const;
  // Address of .eh_frame_hdr by the program headers, where there is one.
  std::optional<uint64_t> frame_header() const { return frame_header_; }
  // Lower-case hex; empty when the file has none.
  const std::string& build_id() const { return build_id_; }

  // At most `size` bytes; fewer where the file ends.
  std::vector<uint8_t> Read(uint64_t offset, uint64_t size) const;
  // The same by address, up to the end of the segment that holds it.
  std::vector<uint8_t> ReadAddress(uint64_t address, uint64_t size) const;

 private:
  absl::Status ReadHeaders();
  absl::Status ReadSegments(uint64_t offset, size_t count);
  void ReadSections(uint64_t offset, size_t count, size_t names);
  void ReadNotes(uint64_t offset, uint64_t size);

  int fd_ = -1;
  std::span<const uint8_t> memory_;
  uint64_t size_ = 0;
  uint64_t entry_ = 0;
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
  std::optional<uint64_t> frame_header_;
  std::string build_id_;
};

}  // namespace waitscope
