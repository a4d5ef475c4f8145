#include "agent/symbols/perf_map.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <vector>

namespace waitscope {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxLineBytes = 8192;
constexpr size_t kEntryOverhead = 64;
constexpr size_t kChunk = 64 << 10;
// One refresh reads at most this much; the next one goes on from there.
constexpr uint64_t kMaxReadBytes = 64 << 20;

bool TakeHex(std::string_view& text, uint64_t& value) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value, 16);
  if (error != std::errc() || end == last || *end != ' ') return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

void PerfMap::Append(std::string_view text) {
  for (size_t newline = text.find('\n'); newline != std::string_view::npos;
       newline = text.find('\n')) {
    if (partial_line_.empty()) {
      AddLine(text.substr(0, newline));
    } else {
      partial_line_.append(text.substr(0, newline));
      AddLine(partial_line_);
      partial_line_.clear();
    }
    text.remove_prefix(newline + 1);
  }
  const size_t room = kMaxLineBytes - std::min(kMaxLineBytes, partial_line_.size());
  partial_line_.append(text.substr(0, room));
}

void PerfMap::AddLine(std::string_view line) {
  uint64_t start = 0;
  uint64_t size = 0;
  if (!TakeHex(line, start) || !TakeHex(line, size)) return;
  if (size == 0 || size > UINT64_MAX - start || line.empty()) return;
  RemoveOverlap(start, start + size);
  const std::string_view name = line.substr(0, kMaxNameBytes);
  if (bytes_ + name.size() + kEntryOverhead > max_bytes_) {
    ++dropped_;
    return;
  }
  bytes_ += name.size() + kEntryOverhead;
  entries_.emplace(start, Entry{start + size, std::string(name)});
}

void PerfMap::RemoveOverlap(uint64_t start, uint64_t end) {
  auto at = entries_.lower_bound(start);
  if (at != entries_.begin() && std::prev(at)->second.end > start) --at;
  while (at != entries_.end() && at->first < end) {
    bytes_ -= at->second.name.size() + kEntryOverhead;
    at = entries_.erase(at);
  }
}

bool PerfMap::Refresh(const OpenedFile& file) {
  const bool same = file.key.device == device_ && file.key.inode == inode_;
  if (!same || file.key.size < consumed_) *this = PerfMap(max_bytes_);
  device_ = file.key.device;
  inode_ = file.key.inode;
  const uint64_t before = consumed_;
  const uint64_t end = before + std::min(file.key.size - before, kMaxReadBytes);
  std::vector<char> chunk(kChunk);
  while (consumed_ < end) {
    const size_t wanted = std::min<uint64_t>(chunk.size(), end - consumed_);
    const ssize_t count = pread(file.fd.get(), chunk.data(), wanted, static_cast<off_t>(consumed_));
    if (count <= 0) break;
    Append(std::string_view(chunk.data(), static_cast<size_t>(count)));
    consumed_ += static_cast<uint64_t>(count);
  }
  return consumed_ != before;
}

std::string_view PerfMap::Lookup(uint64_t address) const {
  auto after = entries_.upper_bound(address);
  if (after == entries_.begin()) return {};
  const auto& [start, entry] = *std::prev(after);
  return address < entry.end ? std::string_view(entry.name) : std::string_view();
}

}  // namespace waitscope
