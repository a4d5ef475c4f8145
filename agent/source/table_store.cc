#include "agent/source/table_store.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/unwind/elf_image.h"

namespace waitscope {
namespace {

constexpr std::string_view kVdso = "[vdso]";
constexpr size_t kMaxVdsoBytes = 64 << 10;
constexpr size_t kMaxEntries = 8192;
constexpr uint64_t kCheckEveryNs = 1'000'000'000;
constexpr uint64_t kFirstRetryNs = 2'500'000'000;
constexpr uint64_t kLastRetryNs = 60'000'000'000;

// Every process has the agent's own one: the kernel has one for each width, and only the 64-bit
// one is unwound.
std::span<const uint8_t> OwnVdso() {
  const auto* start = std::bit_cast<const uint8_t*>(getauxval(AT_SYSINFO_EHDR));
  if (start == nullptr) return {};
  // Its pages are followed by nothing of ours: the section headers are its last bytes.
  uint64_t sections = 0;
  uint16_t size = 0;
  uint16_t count = 0;
  std::memcpy(&sections, start + 40, sizeof(sections));
  std::memcpy(&size, start + 58, sizeof(size));
  std::memcpy(&count, start + 60, sizeof(count));
  const uint64_t bytes = sections + uint64_t{size} * count;
  return bytes <= kMaxVdsoBytes ? std::span(start, bytes) : std::span<const uint8_t>();
}

// What a run time's compiler writes its code to, whatever it is called.
bool IsAnonymous(const MappedFile& file) {
  return (file.inode == 0 && file.path != kVdso) || file.path.starts_with("/dev/zero");
}

// A compiler's code, too, or a program that was copied there before it was started.
bool IsMemoryFile(const MappedFile& file) { return file.path.starts_with("/memfd:"); }

absl::StatusOr<UnwindTable> BuildFrom(absl::StatusOr<ElfImage> image, RuleDictionary& rules) {
  if (!image.ok()) return image.status();
  return BuildUnwindTable(*image, rules);
}

}  // namespace

absl::StatusOr<OpenedFile> OpenMapped(const TableStore::Holder& holder, const MappedFile& file) {
  const std::string home = absl::StrCat("/proc/", holder.pid);
  absl::StatusOr<OpenedFile> mapped =
      OpenFile(absl::StrFormat("%s/map_files/%x-%x", home, holder.start, holder.end));
  if (mapped.ok() && mapped->key.inode == file.inode) return mapped;
  for (const std::string& root : {home + "/root", std::string("/")}) {
    absl::StatusOr<OpenedFile> named = OpenFileInRoot(root, file.path);
    // The device is not compared: btrfs and overlayfs report different ones in maps and stat.
    if (named.ok() && named->key.inode == file.inode) return named;
  }
  return absl::NotFoundError(absl::StrCat(file.path, " is gone or was replaced"));
}

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
    entry.first_holder = {pid, mapping.start, mapping.end};
    queue_.push_back(mapping.file.get());
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
  if (entry.state == State::kQueued || now_ns - entry.checked_ns < kCheckEveryNs) return false;
  if (entry.state == State::kCodeOnly && IsMemoryFile(*entry.file)) return false;  // it only grows
  entry.checked_ns = now_ns;
  const Holder holder{pid, mapping.start, mapping.end};
  if (entry.state == State::kReady || entry.state == State::kCodeOnly) {
    const auto file = OpenMapped(holder, *entry.file);
    if (!file.ok() || file->key == entry.key) return false;
  }
  Remove(entry, now_ns);
  entry.state = State::kQueued;
  entry.first_holder = holder;
  queue_.push_back(entry.file.get());
  return true;
}

void TableStore::Hasten(const SharedMappings& mappings) {
  if (!mappings) return;
  const auto wanted = [&](const MappedFile* file) {
    return std::any_of(mappings->begin(), mappings->end(),
                       [&](const TextMapping& mapping) { return mapping.file.get() == file; });
  };
  std::stable_partition(queue_.begin(), queue_.end(), wanted);
}

const MappedFile* TableStore::BuildOne(FindHolder find_holder, uint64_t now_ns) {
  if (queue_.empty()) return nullptr;
  if (entries_.size() > kMaxEntries) Evict(now_ns);
  const MappedFile* file = queue_.front();
  queue_.pop_front();
  Build(entries_.at(file), find_holder, now_ns);
  return file;
}

void TableStore::Build(Entry& entry, FindHolder find_holder, uint64_t now_ns) {
  if (entry.file->path == kVdso) {
    Adopt(entry, BuildFrom(ElfImage::FromMemory(OwnVdso()), rules_), now_ns);
    return;
  }
  absl::StatusOr<OpenedFile> file = OpenMapped(entry.first_holder, *entry.file);
  if (!file.ok()) {
    const std::optional<Holder> other = find_holder(entry.file.get());
    if (other) file = OpenMapped(*other, *entry.file);
  }
  if (!file.ok()) {
    entry.state = IsMemoryFile(*entry.file) ? State::kCodeOnly : State::kUnreadable;
    ++stats_.unreadable;
    return;
  }
  entry.key = file->key;
  BuildFile(entry, file->fd.get(), now_ns);
}

void TableStore::BuildFile(Entry& entry, int fd, uint64_t now_ns) {
  absl::StatusOr<ElfImage> image = ElfImage::FromFile(fd);
  if (image.ok()) entry.python = FindPython(*image, entry.file->path);
  if (image.ok()) entry.hotspot = FindHotSpot(*image, entry.file->path);
  Adopt(entry, BuildFrom(std::move(image), rules_), now_ns);
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

// A file that is no ELF file holds code of a run time's compiler.
void TableStore::Adopt(Entry& entry, absl::StatusOr<UnwindTable> table, uint64_t now_ns) {
  entry.state = State::kCodeOnly;
  if (!table.ok() || table->rows.empty()) return;
  std::optional<TablePlace> place = maps_.Place(*table, rules_);
  entry.state = place ? State::kReady : State::kNoRoom;
  if (!place) {
    NoteCrowdedOut(entry, now_ns);
    return;
  }
  ++stats_.built;
  retry_pause_ns_ = kFirstRetryNs;
  entry.place = *place;
  table->rows = {};
  table->page_first_row = {};
  entry.shape = *std::move(table);
}

// Room is free some seconds after a program's end, when nobody can still be unwinding through its
// tables. Building in vain costs as much as building: the pauses double.
void TableStore::NoteCrowdedOut(Entry& entry, uint64_t now_ns) {
  crowded_out_.push_back(entry.file);
  retry_pause_ns_ = std::clamp(retry_pause_ns_, kFirstRetryNs, kLastRetryNs);
  retry_ns_ = now_ns + retry_pause_ns_;
  Evict(now_ns);  // this entry, too, if nobody has its file mapped any more
}

// What is given up is free only seconds later: too late for who asks when nothing is left.
void TableStore::KeepRoom(uint64_t now_ns) {
  if (maps_.rows_used() > maps_.rows_size() / 4 * 3) Evict(now_ns);
}

void TableStore::RetryCrowdedOut(uint64_t now_ns) {
  if (crowded_out_.empty() || now_ns < retry_ns_) return;
  Evict(now_ns);
  retry_pause_ns_ *= 2;
  for (const auto& file : std::exchange(crowded_out_, {})) {
    const auto found = entries_.find(file.get());
    if (found == entries_.end() || found->second.state != State::kNoRoom) continue;
    found->second.state = State::kQueued;
    queue_.push_back(file.get());
  }
}

// Gives up the tables of files that no process has mapped. Their room is free only after a while.
void TableStore::Evict(uint64_t now_ns) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    // The tracker's list of names and this entry hold it; mappings hold it, too.
    if (entry.state == State::kQueued || entry.file.use_count() > 2) {
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
