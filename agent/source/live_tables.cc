#include "agent/source/live_tables.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/os/clock.h"
#include "agent/os/process_memory.h"
#include "agent/source/proc_mappings.h"
#include "agent/source/raw_stacks.h"

namespace waitscope {
namespace {

// How long an ended process's stacks are waited for: in a storm naming lags by seconds.
constexpr uint64_t kAfterlifeNs = 10'000'000'000;
constexpr int kReapMs = 1000;
constexpr uint64_t kRereadNs = 5'000'000;  // at 0.3 ms each, 6 % of a processor

}  // namespace

LiveTables::LiveTables(MappingStream stream, UnwindMaps maps, std::unique_ptr<TableBuilder> builder)
    : stream_(std::move(stream)),
      maps_(std::move(maps)),
      builder_(std::move(builder)),
      tables_(maps_, *builder_),
      hotspots_(
          [this](uint32_t pid, const hotspot_code* code) { maps_.PublishHotSpot(pid, code); }) {}

int LiveTables::patience_ms() const {
  if (stream_.holds_back()) return 1;
  const int starting = hotspots_.patience_ms(MonotonicNs());
  if (dying_.empty() && !tables_.is_crowded()) return starting;
  return starting < 0 ? kReapMs : std::min(starting, kReapMs);
}

void LiveTables::FollowCpus(const CpuSet& online) {
  stream_.Follow(online).IgnoreError();
  lost_ = true;
}

void LiveTables::ReadAllProcesses() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    uint32_t pid = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &pid)) ReadProcess(pid);
  }
}

void LiveTables::ReadProcess(uint32_t pid) {
  const std::vector<MappingRecord> records = ReadMappings(pid, MonotonicNs());
  if (records.empty()) return;
  const std::lock_guard lock(tracker_mutex_);
  tracker_.Replace(pid, records);
}

void LiveTables::CatchUp(uint64_t before_ns) {
  stream_.Drain(before_ns, [this](const MappingRecord& record) { Apply(record); });
  if (std::exchange(lost_, false)) {
    ReadAllProcesses();
    tracker_.ForEach([this](uint32_t pid, const SharedMappings&) {
      if (IsGone(pid)) dying_.try_emplace(pid, MonotonicNs());
    });
  }
  PublishChanged();
}

bool LiveTables::Reread(uint32_t pid) {
  const uint64_t now = MonotonicNs();
  if (now - reread_ns_ < kRereadNs) return false;
  reread_ns_ = now;
  ReadProcess(pid);
  PublishChanged();
  return true;
}

void LiveTables::Apply(const MappingRecord& record) {
  if (record.kind == MappingRecord::Kind::kLost) {
    lost_ = true;
    return;
  }
  if (record.kind == MappingRecord::Kind::kExit) dying_[record.pid] = record.time_ns;
  if (record.kind == MappingRecord::Kind::kFork) dying_.erase(record.pid);
  const std::lock_guard lock(tracker_mutex_);
  tracker_.Apply(record);
}

void LiveTables::PublishChanged() {
  std::set<const MappedFile*> replaced;
  for (const uint32_t pid : tracker_.TakeChanged()) {
    const SharedMappings mappings = tracker_.Find(pid);
    if (!mappings) continue;
    for (const TextMapping& mapping : *mappings) {
      if (tables_.Revalidate(mapping, pid, MonotonicNs())) replaced.insert(mapping.file.get());
    }
    Publish(pid, *mappings);
  }
  if (!replaced.empty()) PublishHolders(replaced);
}

void LiveTables::PublishHolders(const std::set<const MappedFile*>& files) {
  tracker_.ForEach([&](uint32_t pid, const SharedMappings& mappings) {
    const bool holds =
        std::any_of(mappings->begin(), mappings->end(),
                    [&](const TextMapping& mapping) { return files.contains(mapping.file.get()); });
    if (holds) Publish(pid, *mappings);
  });
}

void LiveTables::Publish(uint32_t pid, const TextMappings& mappings) {
  if (mappings.empty()) {  // a kernel thread, or between two programs
    maps_.Withdraw(pid, MonotonicNs());
    return;
  }
  const auto python = pythons_.Note(pid, tables_.PythonIn(mappings));
  hotspots_.Note(pid, tables_.HotSpotIn(mappings), MonotonicNs());
  maps_.Publish(pid, DescribeAll(pid, mappings), python, MonotonicNs());
}

std::vector<unwind_mapping> LiveTables::DescribeAll(uint32_t pid, const TextMappings& mappings) {
  std::vector<unwind_mapping> described;
  described.reserve(mappings.size());
  for (const TextMapping& mapping : mappings) {
    described.push_back(tables_.Describe(mapping, pid));
  }
  return described;
}

std::optional<FileHolder> LiveTables::HolderOf(const MappedFile* file) const {
  std::optional<FileHolder> found;
  tracker_.ForEach([&](uint32_t pid, const SharedMappings& mappings) {
    for (const TextMapping& mapping : *mappings) {
      if (!found && mapping.file.get() == file && !dying_.contains(pid)) {
        found = {pid, mapping.start, mapping.end};
      }
    }
  });
  return found;
}

void LiveTables::AdoptBuilt() {
  const std::set<const MappedFile*> adopted =
      tables_.AdoptBuilt([this](const MappedFile* file) { return HolderOf(file); }, MonotonicNs());
  if (adopted.empty()) return;
  PublishHolders(adopted);
  if (!tables_.awaits_tables()) builder_->GiveBackMemory();
}

void LiveTables::MeetProcesses() { hotspots_.Try(MonotonicNs()); }

// A process lives on after its first thread while others run.
void LiveTables::Reap() {
  const uint64_t now = MonotonicNs();
  bool forgot = false;
  for (auto at = dying_.begin(); at != dying_.end();) {
    const auto [pid, since_ns] = *at;
    if (now - since_ns < kAfterlifeNs) {
      ++at;
      continue;
    }
    if (IsGone(pid)) {
      Forget(pid, now);
      forgot = true;
      at = dying_.erase(at);
    } else {
      at->second = now;  // looked at again then
      ++at;
    }
  }
  if (forgot) tables_.KeepRoom(now);
  maps_.Collect(MonotonicNs());
  tables_.RetryCrowdedOut(MonotonicNs());
}

void LiveTables::Forget(uint32_t pid, uint64_t now_ns) {
  const std::lock_guard lock(tracker_mutex_);
  tracker_.Forget(pid);
  pythons_.Note(pid, std::nullopt);
  hotspots_.Note(pid, std::nullopt, now_ns);
  maps_.Withdraw(pid, now_ns);
}

bool LiveTables::KnowsNow(const raw_stack& raw) {
  const SharedMappings mappings = tracker_.Find(raw.pid);
  if (!mappings || mappings->empty()) return false;
  if (raw.stop == UNWIND_STOP_no_process || raw.stop == UNWIND_STOP_no_mapping) {
    Publish(raw.pid, *mappings);
  }
  return true;
}

UnwoundStack LiveTables::Unwind(const raw_stack& raw, const ReadMemory& memory,
                                const ReadLiveWord& read_live) {
  std::vector<unwind_mapping> mappings;
  if (const SharedMappings then = tracker_.FindAt(raw.pid, raw.at_ns)) {
    mappings = DescribeAll(raw.pid, *then);
  }
  UnwindView view = maps_.ViewOf(mappings, tables_.rules());
  const std::optional<HotSpotLayout> hotspot = hotspots_.Find(raw.pid);
  if (hotspot) {
    view.hotspot = &hotspot->code;
    view.read_code = memory;
  }
  return UnwindStack(view, SampleOf(raw), read_live);
}

std::shared_ptr<const MappedFile> LiveTables::AwaitedBy(const raw_stack& raw,
                                                        const UnwoundStack& stack) {
  const SharedMappings then = tracker_.FindAt(raw.pid, raw.at_ns);
  if (stack.stop != UNWIND_STOP_no_table || !then) return nullptr;
  // Of all addresses but the leaf's, what called is one below.
  const uint64_t pc = stack.frames.back() - (stack.frames.size() > 1 ? 1 : 0);
  const auto at = std::find_if(then->begin(), then->end(), [&](const TextMapping& mapping) {
    return pc - mapping.start < mapping.end - mapping.start;
  });
  if (at == then->end() || !Awaits(*at->file)) return nullptr;
  builder_->Hasten(*then);
  return at->file;
}

std::vector<Mapping> LiveTables::MappingsOf(uint32_t pid) const {
  const std::lock_guard lock(tracker_mutex_);
  return AllMappingsOf(tracker_, pid);
}

}  // namespace waitscope
