#include "agent/os/process_maps.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace waitscope {
namespace {

constexpr size_t kMaxPathBytes = 4096;  // PATH_MAX
constexpr std::string_view kDeleted = " (deleted)";

// Reads one number up to `terminator` and steps past both.
bool TakeNumber(std::string_view& text, int base, char terminator, uint64_t& value) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value, base);
  if (error != std::errc() || end == last || *end != terminator) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return true;
}

bool IsOctal(char digit) { return digit >= '0' && digit <= '7'; }

// The kernel writes a newline in a path as \012, and nothing else escaped.
std::string Unescape(std::string_view text) {
  std::string path;
  path.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    const bool escape = text[at] == '\\' && at + 3 < text.size() && IsOctal(text[at + 1]) &&
                        IsOctal(text[at + 2]) && IsOctal(text[at + 3]);
    if (!escape) {
      path.push_back(text[at]);
      continue;
    }
    const int code = (text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0');
    path.push_back(static_cast<char>(code & 0xff));
    at += 3;
  }
  return path;
}

void SetPath(std::string_view text, Mapping& mapping) {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
  if (text.ends_with(kDeleted)) {
    mapping.deleted = true;
    text.remove_suffix(kDeleted.size());
  }
  mapping.path = Unescape(text.substr(0, kMaxPathBytes));
}

struct Line {
  Mapping mapping;
  bool executable = false;
};

std::optional<Line> ParseLine(std::string_view text) {
  Line line;
  Mapping& mapping = line.mapping;
  if (!TakeNumber(text, 16, '-', mapping.start) || !TakeNumber(text, 16, ' ', mapping.end)) {
    return std::nullopt;
  }
  if (mapping.start >= mapping.end || text.size() < 5 || text[4] != ' ') return std::nullopt;
  line.executable = text[2] == 'x';
  text.remove_prefix(5);
  uint64_t major = 0;
  uint64_t minor = 0;
  if (!TakeNumber(text, 16, ' ', mapping.offset) || !TakeNumber(text, 16, ':', major) ||
      !TakeNumber(text, 16, ' ', minor)) {
    return std::nullopt;
  }
  mapping.device = major << 32 | (minor & 0xffffffff);
  const std::string_view inode = text.substr(0, text.find(' '));
  const auto [end, error] =
      std::from_chars(inode.data(), inode.data() + inode.size(), mapping.inode, 10);
  if (error != std::errc() || end != inode.data() + inode.size()) return std::nullopt;
  if (line.executable) SetPath(text.substr(inode.size()), mapping);
  return line;
}

std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

}  // namespace

ParsedMaps ParseMaps(std::string_view text, size_t max_mappings) {
  ParsedMaps maps;
  while (!text.empty()) {
    std::optional<Line> parsed = ParseLine(TakeLine(text));
    if (!parsed) {
      ++maps.malformed_lines;
    } else if (parsed->executable && maps.executable.size() >= max_mappings) {
      ++maps.dropped;
    } else if (parsed->executable) {
      maps.executable.push_back(std::move(parsed->mapping));
    }
  }
  std::sort(maps.executable.begin(), maps.executable.end(),
            [](const Mapping& a, const Mapping& b) { return a.start < b.start; });
  return maps;
}

std::vector<AddressRange> RangesOn(std::string_view text, const std::set<uint64_t>& devices) {
  std::vector<AddressRange> ranges;
  while (!text.empty()) {
    const std::optional<Line> parsed = ParseLine(TakeLine(text));
    if (!parsed || parsed->mapping.inode == 0) continue;
    if (!devices.contains(parsed->mapping.device)) continue;
    ranges.push_back({.start = parsed->mapping.start, .end = parsed->mapping.end});
  }
  return ranges;
}

}  // namespace waitscope
