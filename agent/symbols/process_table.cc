#include "agent/symbols/process_table.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "agent/java/layout.h"

namespace waitscope {
namespace {

// vm.max_map_count of 262,144 lines (Elasticsearch) of 110 bytes, rounded up.
constexpr size_t kMaxMapsBytes = 32 << 20;
constexpr size_t kMaxStatBytes = 4096;
constexpr size_t kMaxFormerMappings = 1024;
constexpr int64_t kMaxPauseNs = 64'000'000'000;
constexpr int64_t kReadsTimesCost = 10;
constexpr int kMaxThreadsTried = 8;
constexpr size_t kStartTimeField = 19;  // of /proc/PID/stat, counted from the state

CodeMapping* FindIn(std::vector<CodeMapping>& sorted, uint64_t address) {
  const auto after = std::upper_bound(
      sorted.begin(), sorted.end(), address,
      [](uint64_t wanted, const CodeMapping& entry) { return wanted < entry.mapping.start; });
  if (after == sorted.begin()) return nullptr;
  CodeMapping& found = *std::prev(after);
  return address < found.mapping.end ? &found : nullptr;
}

bool Overlaps(const std::vector<CodeMapping>& sorted, const Mapping& mapping) {
  const auto first = std::lower_bound(
      sorted.begin(), sorted.end(), mapping.start,
      [](const CodeMapping& entry, uint64_t start) { return entry.mapping.end <= start; });
  return first != sorted.end() && first->mapping.start < mapping.end;
}

}  // namespace

CodeMapping* Process::Find(uint64_t address) {
  CodeMapping* const now = FindIn(mappings, address);
  return now != nullptr ? now : FindIn(former, address);
}

size_t Process::Covered(std::span<const uint64_t> addresses) {
  return static_cast<size_t>(std::count_if(addresses.begin(), addresses.end(), [&](uint64_t at) {
    return hotspot_is_method(at) != 0 || Find(at) != nullptr;
  }));
}

void Process::Replace(std::vector<Mapping> fresh) {
  std::vector<CodeMapping> old = std::exchange(mappings, {});
  old.insert(old.end(), std::make_move_iterator(former.begin()),
             std::make_move_iterator(former.end()));
  former.clear();
  for (Mapping& mapping : fresh) mappings.push_back({std::move(mapping), nullptr, false});
  for (CodeMapping& entry : old) {
    CodeMapping* const same = FindIn(mappings, entry.mapping.start);
    if (same != nullptr && same->mapping == entry.mapping) {
      *same = std::move(entry);
    } else if (!Overlaps(mappings, entry.mapping) && former.size() < kMaxFormerMappings) {
      former.push_back(std::move(entry));
    }
  }
  std::sort(former.begin(), former.end(), [](const CodeMapping& a, const CodeMapping& b) {
    return a.mapping.start < b.mapping.start;
  });
}

Process* ProcessTable::Remember(uint32_t pid) {
  const std::optional<uint64_t> start = ReadStartTicks(pid);
  std::optional<std::vector<Mapping>> maps = start ? ReadMaps(pid, *start) : std::nullopt;
  if (!maps) return nullptr;
  const auto found = lives_.find(pid);
  if (found == lives_.end() || found->second.back()->start_ticks != *start) {
    return Add(pid, *start, *std::move(maps));
  }
  const auto process = found->second.back();
  mappings_ -= process->mappings.size() + process->former.size();
  process->Replace(*std::move(maps));
  mappings_ += process->mappings.size() + process->former.size();
  process->next_read_ns = now_ns_();
  Touch(process);
  Shrink();
  return &*process;
}

Process* ProcessTable::Select(uint32_t pid, std::span<const uint64_t> addresses) {
  Process* const live = FindLive(pid);
  if (live != nullptr && live->Covered(addresses) < addresses.size()) Reread(*live, addresses);
  if (live == nullptr) Recall(pid, addresses);
  const auto found = lives_.find(pid);
  if (found == lives_.end()) return nullptr;
  const Lives& lives = found->second;
  auto best = lives.back();
  size_t most = best->Covered(addresses);
  for (auto at = std::next(lives.rbegin()); at != lives.rend() && most < addresses.size(); ++at) {
    const size_t covered = (*at)->Covered(addresses);
    if (covered <= most) continue;
    best = *at;
    most = covered;
  }
  Touch(best);
  return &*best;
}

// The thread's own stat, because the process's adds up every thread and takes their lock.
std::optional<uint64_t> ProcessTable::ReadStartTicks(uint32_t pid) const {
  const std::optional<std::string> stat =
      ReadText(absl::StrCat(options_.proc_dir, "/", pid, "/task/", pid, "/stat"), kMaxStatBytes);
  // The name in parentheses may itself contain anything, parentheses too.
  const size_t name_end = stat ? stat->rfind(") ") : std::string::npos;
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(*stat).substr(name_end + 2), ' ');
  uint64_t ticks = 0;
  if (fields.size() <= kStartTimeField) return std::nullopt;
  if (!absl::SimpleAtoi(fields[kStartTimeField], &ticks)) return std::nullopt;
  return ticks;
}

// A process whose first thread has left shows its mappings only through another thread.
std::string ProcessTable::ReadMapsText(uint32_t pid) const {
  const std::string home = absl::StrCat(options_.proc_dir, "/", pid);
  std::string text = ReadText(home + "/maps", kMaxMapsBytes).value_or("");
  if (!text.empty()) return text;
  std::error_code error;
  std::filesystem::directory_iterator thread(home + "/task", error);
  for (int tried = 0; !error && thread != std::filesystem::directory_iterator() &&
                      tried < kMaxThreadsTried && text.empty();
       ++tried) {
    text = ReadText(thread->path().string() + "/maps", kMaxMapsBytes).value_or("");
    thread.increment(error);
  }
  return text;
}

// Nothing when the process went away, or became another, while it was read.
std::optional<std::vector<Mapping>> ProcessTable::ReadMaps(uint32_t pid, uint64_t start_ticks) {
  ParsedMaps maps = ParseMaps(ReadMapsText(pid), options_.max_mappings_per_process);
  if (maps.executable.empty() || ReadStartTicks(pid) != start_ticks) {
    ++stats_.maps_failed;
    return std::nullopt;
  }
  ++stats_.maps_read;
  stats_.mappings_dropped += maps.dropped;
  return std::move(maps.executable);
}

bool ProcessTable::SeenLately(const Process& process) const {
  return process.live && now_ns_() - process.seen_live_ns < options_.trust_ns;
}

// The process that has this id now, read if it was not known; earlier lives are marked as over.
Process* ProcessTable::FindLive(uint32_t pid) {
  const auto found = lives_.find(pid);
  if (found != lives_.end() && SeenLately(*found->second.back())) return &*found->second.back();
  const std::optional<uint64_t> start = ReadStartTicks(pid);
  if (found != lives_.end()) {
    for (const auto& life : found->second) life->live = start == life->start_ticks;
    Process& last = *found->second.back();
    last.seen_live_ns = now_ns_();
    if (last.live) return &last;
  }
  std::optional<std::vector<Mapping>> maps = start ? ReadMaps(pid, *start) : std::nullopt;
  return maps ? Add(pid, *start, *std::move(maps)) : nullptr;
}

// A process that is gone, where no life of it that was read explains the addresses.
void ProcessTable::Recall(uint32_t pid, std::span<const uint64_t> addresses) {
  const auto found = lives_.find(pid);
  const auto explains = [&](const auto& life) {
    return life->Covered(addresses) == addresses.size();
  };
  const bool explained =
      found != lives_.end() && std::any_of(found->second.begin(), found->second.end(), explains);
  if (explained || !options_.known_mappings) return;
  std::vector<Mapping> known = options_.known_mappings(pid);
  const auto same = [](const Mapping& a, const CodeMapping& b) { return a == b.mapping; };
  if (known.empty()) return;
  if (found != lives_.end()) {
    const std::vector<CodeMapping>& last = found->second.back()->mappings;
    if (std::equal(known.begin(), known.end(), last.begin(), last.end(), same)) return;
  }
  Add(pid, 0, std::move(known))->live = false;
}

Process* ProcessTable::Add(uint32_t pid, uint64_t start_ticks, std::vector<Mapping> mappings) {
  Process process;
  process.pid = pid;
  process.start_ticks = start_ticks;
  process.last_used_ns = process.next_read_ns = now_ns_();
  process.Replace(std::move(mappings));
  mappings_ += process.mappings.size();
  processes_.push_front(std::move(process));
  Lives& lives = lives_[pid];
  for (const auto& life : lives) life->live = false;
  lives.push_back(processes_.begin());
  Shrink();
  return &processes_.front();
}

// Addresses may be garbage (a broken walk), so reading again is paused longer while it is vain.
void ProcessTable::Reread(Process& process, std::span<const uint64_t> addresses) {
  const int64_t now = now_ns_();
  if (now < process.next_read_ns) return;
  const size_t before = process.Covered(addresses);
  std::optional<std::vector<Mapping>> maps = ReadMaps(process.pid, process.start_ticks);
  if (maps) {
    mappings_ -= process.mappings.size() + process.former.size();
    process.Replace(*std::move(maps));
    mappings_ += process.mappings.size() + process.former.size();
  }
  const bool useful = process.Covered(addresses) > before;
  process.read_pause_ns = useful || process.read_pause_ns == 0
                              ? options_.reread_ns
                              : std::min(process.read_pause_ns * 2, kMaxPauseNs);
  // What takes long is done for a tenth of the time at most.
  const int64_t done = now_ns_();
  process.next_read_ns = done + std::max(process.read_pause_ns, kReadsTimesCost * (done - now));
}

void ProcessTable::Touch(std::list<Process>::iterator process) {
  process->last_used_ns = now_ns_();
  processes_.splice(processes_.begin(), processes_, process);
}

void ProcessTable::Shrink() {
  const int64_t oldest = now_ns_() - options_.keep_unused_ns;
  while (processes_.size() > 1 &&
         (processes_.size() > options_.max_processes || mappings_ > options_.max_mappings ||
          processes_.back().last_used_ns < oldest)) {
    Forget(std::prev(processes_.end()));
  }
}

void ProcessTable::Forget(std::list<Process>::iterator process) {
  mappings_ -= process->mappings.size() + process->former.size();
  const auto found = lives_.find(process->pid);
  std::erase(found->second, process);
  if (found->second.empty()) lives_.erase(found);
  processes_.erase(process);
}

}  // namespace waitscope
