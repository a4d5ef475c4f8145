#include "agent/source/table_store.h"

#include <algorithm>
#include <utility>

namespace waitscope {
namespace {

constexpr size_t kMaxEntries = 8192;
constexpr uint64_t kCheckEveryNs = 1'000'000'000;
constexpr uint64_t kFirstRetryNs = 2'500'000'000;
constexpr uint64_t kLastRetryNs = 60'000'000'000;

// What a run time's compiler writes its code to, whatever it is called.
bool IsAnonymous(const MappedFile& file) {
  return (file.inode == 0 && file.path != kVdso) || file.path.starts_with("/dev/zero");
}

// A compiler's code, too, or a program that was copied there before it was started.
bool IsMemoryFile(const MappedFile& file) { return file.path.starts_with("/memfd:"); }

}  // namespace

unwind_mapping TableStore::Describe(const TextMapping& mapping, uint32_t pid) {
  unwind_mapping out{.start = mapping.start, .end = mapping.end, .type = UNWIND_MAPPING_no_table};
  if (IsAnonymous(*mapping.file)) {
    out.type = UNWIND_MAPPING_anonymous;
    return out;
  }
  const auto [at, added] = entries_.try_emplace(mapping.file.get());
  Entry& entry = at->second;
  if (added) {
    entry.file = mapping.file;
    entry.number = next_number_++;
    Want(entry, {pid, mapping.start, mapping.end});
  }
  out.file = entry.number;
  if (entry.state == State::kCodeOnly) out.type = UNWIND_MAPPING_anonymous;
  if (entry.state != State::kReady) return out;
  const auto bias = entry.shape.BiasOf(mapping.start, mapping.end - mapping.start, mapping.offset);
  if (!bias) return out;
  out.type = UNWIND_MAPPING_table;
  out.bias = *bias;
  out.page_base = entry.place.page_base;
  out.npages = entry.place.pages;
  return out;
}

bool TableStore::Revalidate(const TextMapping& mapping, uint32_t pid, uint64_t now_ns) {
  const auto found = entries_.find(mapping.file.get());
  if (found == entries_.end() || mapping.file->inode == 0) return false;
  Entry& entry = found->second;
  if (entry.state == State::kAwaited || now_ns - entry.checked_ns < kCheckEveryNs) return false;
  if (entry.state == State::kCodeOnly && IsMemoryFile(*entry.file)) return false;  // it only grows
  entry.checked_ns = now_ns;
  const FileHolder holder{pid, mapping.start, mapping.end};
  if (entry.state == State::kReady || entry.state == State::kCodeOnly) {
    const auto file = OpenMapped(holder, *entry.file);
    if (!file.ok() || file->key == entry.key) return false;
  }
  Remove(entry, now_ns);
  Want(entry, holder);
  return true;
}

bool TableStore::Awaits(const MappedFile* file) const {
  const auto found = entries_.find(file);
  return found != entries_.end() && found->second.state == State::kAwaited;
}

void TableStore::Want(Entry& entry, const FileHolder& holder, bool first) {
  entry.state = State::kAwaited;
  entry.holder = holder;
  entry.first_holder = first;
  ++awaited_;
  builder_.Want({entry.file, holder});
}

// The process in which the file was met may be gone.
bool TableStore::WantFromOther(Entry& entry, FindHolder find_holder) {
  if (!entry.first_holder) return false;
  const std::optional<FileHolder> other = find_holder(entry.file.get());
  if (other) Want(entry, *other, false);
  return other.has_value();
}

std::set<const MappedFile*> TableStore::AdoptBuilt(FindHolder find_holder, uint64_t now_ns) {
  std::set<const MappedFile*> adopted;
  for (BuiltFile& built : builder_.TakeBuilt()) {
    --awaited_;
    Entry& entry = entries_.at(built.file.get());  // whose file is awaited is never given up
    if (!built.key && WantFromOther(entry, find_holder)) continue;
    adopted.insert(built.file.get());
    Adopt(entry, std::move(built), now_ns);
  }
  if (entries_.size() > kMaxEntries) Evict(now_ns);
  return adopted;
}

// A file that is no ELF file holds code of a run time's compiler.
void TableStore::Adopt(Entry& entry, BuiltFile built, uint64_t now_ns) {
  entry.state = State::kCodeOnly;
  if (!built.key) {
    if (!IsMemoryFile(*entry.file)) entry.state = State::kUnreadable;
    ++stats_.unreadable;
    return;
  }
  entry.key = *built.key;
  entry.python = built.python;
  entry.hotspot = built.hotspot;
  if (!built.table || built.table->rows.empty()) return;
  built.table->Renumber(rules_.Merge(built.rules));
  AdoptTable(entry, *std::move(built.table), now_ns);
}

void TableStore::AdoptTable(Entry& entry, UnwindTable table, uint64_t now_ns) {
  std::optional<TablePlace> place = maps_.Place(table, rules_);
  entry.state = place ? State::kReady : State::kNoRoom;
  if (!place) {
    NoteCrowdedOut(entry, now_ns);
    return;
  }
  ++stats_.built;
  retry_pause_ns_ = kFirstRetryNs;
  entry.place = *place;
  table.rows = {};
  table.page_first_row = {};
  entry.shape = std::move(table);
}

std::optional<PythonProcess> TableStore::PythonIn(const TextMappings& mappings) const {
  for (const TextMapping& mapping : mappings) {
    const std::optional<Place> place = PlaceOf(mapping);
    if (!place || !place->entry->python) continue;
    const PythonBuild& python = *place->entry->python;
    return PythonProcess{.layout = python.layout, .runtime = python.runtime + place->moved};
  }
  return std::nullopt;
}

std::optional<VmStructsAt> TableStore::HotSpotIn(const TextMappings& mappings) const {
  for (const TextMapping& mapping : mappings) {
    const std::optional<Place> place = PlaceOf(mapping);
    if (place && place->entry->hotspot) return Moved(*place->entry->hotspot, place->moved);
  }
  return std::nullopt;
}

// Of a file whose table is built, where a run time was found in it.
std::optional<TableStore::Place> TableStore::PlaceOf(const TextMapping& mapping) const {
  const auto found = entries_.find(mapping.file.get());
  if (found == entries_.end() || found->second.state != State::kReady) return std::nullopt;
  const Entry& entry = found->second;
  if (!entry.python && !entry.hotspot) return std::nullopt;
  const auto bias = entry.shape.BiasOf(mapping.start, mapping.end - mapping.start, mapping.offset);
  if (!bias) return std::nullopt;
  return Place{.entry = &entry, .moved = *bias - entry.shape.first_page_vaddr};
}

// Room is free some seconds after a program's end, when nobody can still be unwinding through its
// tables. Building in vain costs as much as building: the pauses double.
void TableStore::NoteCrowdedOut(Entry& entry, uint64_t now_ns) {
  crowded_out_.push_back(entry.file);
  retry_pause_ns_ = std::clamp(retry_pause_ns_, kFirstRetryNs, kLastRetryNs);
  retry_ns_ = now_ns + retry_pause_ns_;
  Evict(now_ns);
}

// What is given up is free only seconds later: too late for who asks when nothing is left.
void TableStore::KeepRoom(uint64_t now_ns) {
  if (maps_.rows_used() > maps_.rows_size() / 4 * 3) Evict(now_ns);
}

void TableStore::RetryCrowdedOut(uint64_t now_ns) {
  if (crowded_out_.empty() || now_ns < retry_ns_) return;
  // Not held while evicting: those that nobody has mapped any more are given up, too.
  std::vector<const MappedFile*> files;
  for (const auto& file : std::exchange(crowded_out_, {})) files.push_back(file.get());
  Evict(now_ns);
  retry_pause_ns_ *= 2;
  for (const MappedFile* const file : files) {
    const auto found = entries_.find(file);
    if (found == entries_.end() || found->second.state != State::kNoRoom) continue;
    Want(found->second, found->second.holder);
  }
}

// Gives up the tables of files that no process has mapped. Their room is free only after a while.
void TableStore::Evict(uint64_t now_ns) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    // The tracker's list of names and this entry hold it; mappings hold it, too.
    if (entry.state == State::kAwaited || entry.file.use_count() > 2) {
      ++at;
      continue;
    }
    Remove(entry, now_ns);
    ++stats_.evicted;
    entries_.erase(at++);
  }
}

void TableStore::Remove(Entry& entry, uint64_t now_ns) {
  if (entry.state == State::kReady) maps_.Remove(entry.place, now_ns);
  entry.place = {};
  entry.python.reset();
  entry.hotspot.reset();
}

}  // namespace waitscope
