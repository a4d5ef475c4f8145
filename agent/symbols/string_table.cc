#include "agent/symbols/string_table.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace waitscope {
namespace {

constexpr uint64_t kMaxCopiedBytes = 1 << 20;
constexpr size_t kOpenFileBytes = 256 << 10;
constexpr size_t kNameChunk = 256;

}  // namespace

bool ByteSource::Read(uint64_t offset, void* out, size_t size) const {
  if (offset > size_ || size > size_ - offset) return false;
  if (in_memory()) {
    if (size > 0) std::memcpy(out, image_.data() + offset, size);
    return true;
  }
  auto* to = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t count = pread(fd_.get(), to, size, static_cast<off_t>(offset));
    if (count <= 0) return false;
    to += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return true;
}

StringTable::StringTable(std::shared_ptr<const ByteSource> source, uint64_t offset, uint64_t size) {
  if (offset > source->size()) return;
  size_ = std::min(size, source->size() - offset);
  offset_ = offset;
  if (size_ > kMaxCopiedBytes) {
    source_ = std::move(source);
    return;
  }
  copy_.resize(size_);
  if (!source->Read(offset_, copy_.data(), size_)) copy_.clear();
}

size_t StringTable::bytes() const {
  if (!source_) return copy_.capacity();
  return source_->in_memory() ? source_->image().capacity() : kOpenFileBytes;
}

std::string StringTable::Copied(uint32_t offset, size_t most) const {
  if (offset >= copy_.size()) return {};
  const char* const name = copy_.data() + offset;
  return {name, strnlen(name, std::min(copy_.size() - offset, most))};
}

std::string StringTable::At(uint32_t offset, size_t most) const {
  if (!source_) return Copied(offset, most);
  std::string name;
  for (uint64_t at = offset; at < size_ && name.size() < most; at += kNameChunk) {
    char chunk[kNameChunk];
    const size_t wanted = std::min<uint64_t>(kNameChunk, size_ - at);
    if (!source_->Read(offset_ + at, chunk, wanted)) return {};
    const size_t length = strnlen(chunk, wanted);
    name.append(chunk, length);
    if (length < wanted) break;
  }
  return name;
}

}  // namespace waitscope
