// Where the bytes of an ELF file come from, and the names in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/os/file_access.h"

namespace waitscope {

// A file read with pread, or an image in memory. Files are never mapped: whoever owns one
// could truncate it and kill the agent with SIGBUS.
class ByteSource {
 public:
  ByteSource(UniqueFd fd, uint64_t size) : fd_(std::move(fd)), size_(size) {}
  explicit ByteSource(std::string image) : image_(std::move(image)), size_(image_.size()) {}

  // False unless all of [offset, offset + size) is there.
  bool Read(uint64_t offset, void* out, size_t size) const;
  uint64_t size() const { return size_; }
  bool in_memory() const { return !fd_.ok(); }
  int fd() const { return fd_.get(); }
  const std::string& image() const { return image_; }

 private:
  UniqueFd fd_;
  std::string image_;
  uint64_t size_;
};

// The string section of one symbol table. A small one is copied; a large one (hundreds of
// megabytes in big C++ programs) stays in the file, held open, and names are read one by one.
class StringTable {
 public:
  StringTable() = default;
  StringTable(std::shared_ptr<const ByteSource> source, uint64_t offset, uint64_t size);

  static constexpr size_t kMaxNameBytes = 8192;

  // The name at `offset`, at most `most` bytes of it; empty when there is none.
  std::string At(uint32_t offset, size_t most = kMaxNameBytes) const;
  // An open file counts as memory, so that a bound on bytes bounds descriptors as well.
  size_t bytes() const;

 private:
  std::string Copied(uint32_t offset, size_t most) const;

  std::string copy_;
  std::shared_ptr<const ByteSource> source_;  // null when copied
  uint64_t offset_ = 0;
  uint64_t size_ = 0;
};

}  // namespace waitscope
