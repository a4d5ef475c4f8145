#include "agent/source/mapping_tracker.h"

#include <algorithm>
#include <utility>

namespace waitscope {
namespace {

const SharedMappings& NoMappings() {
  static const SharedMappings none = std::make_shared<const TextMappings>();
  return none;
}

TextMapping Part(const TextMapping& whole, uint64_t start, uint64_t end) {
  return {.start = start,
          .end = end,
          .offset = whole.offset + (start - whole.start),
          .file = whole.file,
          .time_ns = whole.time_ns};
}

TextMappings::iterator LowerBound(TextMappings& mappings, uint64_t start) {
  return std::lower_bound(mappings.begin(), mappings.end(), start,
                          [](const TextMapping& m, uint64_t at) { return m.start < at; });
}

// Removes [start, end), keeping what lies on either side of it.
void Cut(TextMappings& mappings, uint64_t start, uint64_t end) {
  const auto first =
      std::lower_bound(mappings.begin(), mappings.end(), start,
                       [](const TextMapping& m, uint64_t at) { return m.end <= at; });
  auto last = first;
  TextMappings sides;
  for (; last != mappings.end() && last->start < end; ++last) {
    if (last->start < start) sides.push_back(Part(*last, last->start, start));
    if (last->end > end) sides.push_back(Part(*last, end, last->end));
  }
  const auto at = mappings.erase(first, last);
  mappings.insert(at, sides.begin(), sides.end());
}

}  // namespace

void MappingTracker::Apply(const MappingRecord& record) {
  switch (record.kind) {
    case MappingRecord::Kind::kMap:
      Map(record);
      break;
    case MappingRecord::Kind::kExec:
      StartOver(record, NoMappings());
      break;
    case MappingRecord::Kind::kFork: {
      const SharedMappings parents = Find(record.parent_pid);
      StartOver(record, parents ? parents : NoMappings());
      break;
    }
    case MappingRecord::Kind::kExit:
    case MappingRecord::Kind::kLost:
      break;
  }
}

// A new program, or a new process: of what is known under this number only what is younger stays.
void MappingTracker::StartOver(const MappingRecord& record, const SharedMappings& with) {
  Known& known = processes_[record.pid];
  const SharedMappings before = std::exchange(known.now, with);
  known.before = before;
  known.since_ns = record.time_ns;
  changed_.insert(record.pid);
  if (!before || before == with) return;
  TextMappings mappings = *with;
  for (const TextMapping& mapping : *before) {
    if (mapping.time_ns <= record.time_ns) continue;
    Cut(mappings, mapping.start, mapping.end);
    mappings.insert(LowerBound(mappings, mapping.start), mapping);
  }
  if (mappings != *with) {
    known.now = std::make_shared<const TextMappings>(std::move(mappings));
  }
}

void MappingTracker::Replace(uint32_t pid, const std::vector<MappingRecord>& maps) {
  auto mappings = std::make_shared<TextMappings>();
  for (const MappingRecord& record : maps) Insert(*mappings, record);
  processes_[pid].now = std::move(mappings);
  changed_.insert(pid);
}

void MappingTracker::Forget(uint32_t pid) {
  processes_.erase(pid);
  changed_.erase(pid);
}

SharedMappings MappingTracker::Find(uint32_t pid) const {
  const auto found = processes_.find(pid);
  return found == processes_.end() ? nullptr : found->second.now;
}

SharedMappings MappingTracker::FindAt(uint32_t pid, uint64_t time_ns) const {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return nullptr;
  const Known& known = found->second;
  return time_ns < known.since_ns && known.before ? known.before : known.now;
}

void MappingTracker::ForEach(
    absl::FunctionRef<void(uint32_t pid, const SharedMappings& mappings)> each) const {
  for (const auto& [pid, known] : processes_) {
    if (known.now) each(pid, known.now);
  }
}

std::set<uint32_t> MappingTracker::TakeChanged() { return std::exchange(changed_, {}); }

void MappingTracker::Map(const MappingRecord& record) {
  SharedMappings& now = processes_[record.pid].now;
  auto mappings = now ? std::make_shared<TextMappings>(*now) : std::make_shared<TextMappings>();
  Insert(*mappings, record);
  now = std::move(mappings);
  changed_.insert(record.pid);
}

void MappingTracker::Insert(TextMappings& mappings, const MappingRecord& record) {
  const auto overtaken = [&](const TextMapping& m) {
    return m.start < record.end && record.start < m.end && m.time_ns > record.time_ns;
  };
  if (std::any_of(mappings.begin(), mappings.end(), overtaken)) return;
  Cut(mappings, record.start, record.end);
  if (mappings.size() >= max_mappings_) {
    ++refused_;
    return;
  }
  mappings.insert(LowerBound(mappings, record.start), {.start = record.start,
                                                       .end = record.end,
                                                       .offset = record.offset,
                                                       .file = Intern(record.file),
                                                       .time_ns = record.time_ns});
}

std::shared_ptr<const MappedFile> MappingTracker::Intern(const MappedFile& file) {
  const auto by_name = [](const std::shared_ptr<const MappedFile>& known, const MappedFile& name) {
    return *known < name;
  };
  auto at = std::lower_bound(files_.begin(), files_.end(), file, by_name);
  if (at != files_.end() && **at == file) return *at;
  if (files_.size() >= sweep_files_at_) {
    std::erase_if(files_, [](const auto& known) { return known.use_count() == 1; });
    sweep_files_at_ = std::max<size_t>(1024, 2 * files_.size());
    at = std::lower_bound(files_.begin(), files_.end(), file, by_name);
  }
  return *files_.insert(at, std::make_shared<const MappedFile>(file));
}

}  // namespace waitscope
