#include "agent/symbols/jit_symbols.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "agent/os/file_access.h"

namespace waitscope {
namespace {

constexpr size_t kMaxStatusBytes = 16 << 10;
constexpr size_t kMaxEntries = 256;

struct ProcessStatus {
  uint32_t own_pid = 0;  // in the process's own pid namespace
  uint32_t effective_uid = 0;
};

// "NSpid:\t4711\t12": the last one is the innermost. "Uid:\treal\teffective\tsaved\tfs".
std::optional<ProcessStatus> ReadStatus(const std::string& path) {
  const std::optional<std::string> text = ReadText(path, kMaxStatusBytes);
  if (!text) return std::nullopt;
  ProcessStatus status;
  bool complete = false;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, '\t');
    if (words[0] == "Uid:" && words.size() > 2) {
      complete = absl::SimpleAtoi(words[2], &status.effective_uid);
    } else if (words[0] == "NSpid:" || words[0] == "Pid:") {
      if (!absl::SimpleAtoi(words.back(), &status.own_pid)) return std::nullopt;
    }
  }
  return complete ? std::optional(status) : std::nullopt;
}

}  // namespace

void JitSymbols::Refresh(const Process& process) {
  Entry& entry = Find(process);
  if (!process.live || now_ns_() < entry.next_read_ns) return;
  Read(process, entry);
}

void JitSymbols::Read(const Process& process, Entry& entry) {
  const int64_t now = now_ns_();
  entry.next_read_ns = now + options_.reread_ns;
  entry.miss_pause_ns = std::min(entry.miss_pause_ns * 2, options_.reread_ns);
  entry.next_miss_read_ns = now + entry.miss_pause_ns;
  const std::string home = absl::StrCat(options_.proc_dir, "/", process.pid);
  const std::optional<ProcessStatus> status = ReadStatus(home + "/status");
  if (!status) return;
  const absl::StatusOr<OpenedFile> file =
      OpenFileInRoot(home + "/root", absl::StrCat("/tmp/perf-", status->own_pid, ".map"));
  if (!file.ok()) return;
  if (file->owner_uid != 0 && file->owner_uid != status->effective_uid) return;
  if (entry.map.Refresh(*file)) entry.miss_pause_ns = options_.miss_reread_ns / 2;
  Shrink();
}

std::string_view JitSymbols::Lookup(const Process& process, uint64_t address) {
  Refresh(process);
  Entry& entry = Find(process);
  const std::string_view name = entry.map.Lookup(address);
  if (!name.empty() || !process.live || now_ns_() < entry.next_miss_read_ns) return name;
  Read(process, entry);
  return Find(process).map.Lookup(address);
}

JitSymbols::Entry& JitSymbols::Find(const Process& process) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.pid == process.pid && entry.start_ticks == process.start_ticks;
  });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
  } else {
    entries_.push_front({.pid = process.pid,
                         .start_ticks = process.start_ticks,
                         .next_read_ns = 0,
                         .next_miss_read_ns = 0,
                         .miss_pause_ns = options_.miss_reread_ns / 2,
                         .map = PerfMap(options_.max_bytes)});
    Shrink();
  }
  return entries_.front();
}

void JitSymbols::Shrink() {
  while (entries_.size() > 1 && (bytes() > options_.max_bytes || entries_.size() > kMaxEntries)) {
    entries_.pop_back();
  }
}

size_t JitSymbols::bytes() const {
  size_t total = 0;
  for (const Entry& entry : entries_) total += entry.map.bytes();
  return total;
}

uint64_t JitSymbols::dropped_lines() const {
  uint64_t total = 0;
  for (const Entry& entry : entries_) total += entry.map.dropped();
  return total;
}

}  // namespace waitscope
