#include "agent/source/unwind_maps.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

constexpr size_t kChunkBytes = UNWIND_CHUNK_WORDS * sizeof(uint32_t);
// A program of ours that still reads what it found before runs for microseconds; a virtual
// processor that is held up meanwhile, for a second at the very most.
constexpr uint64_t kGraceNs = 2'000'000'000;

// Array maps round their entries up to 8 bytes.
constexpr size_t RoundedUp(size_t bytes) { return (bytes + 7) / 8 * 8; }
constexpr size_t kRuleStride = RoundedUp(sizeof(unwind_rule));

}  // namespace

// A 1500th of the memory, between 4 and 32 MiB of rows: a whole Debian install needs 45 MB, what
// one machine runs a tenth of that.
UnwindMaps::Sizes UnwindMaps::SizesFor(uint64_t memory_bytes) {
  const uint64_t bytes = std::clamp<uint64_t>(memory_bytes / 1536, 4 << 20, 32 << 20);
  const auto chunks = static_cast<uint32_t>(bytes / kChunkBytes);
  return {.row_chunks = chunks,
          .page_chunks = std::max(16U, chunks / 16),
          .mappings = std::max(16'384U, chunks * 16)};
}

absl::StatusOr<UnwindMaps::Memory> UnwindMaps::Map(int fd, size_t entry_bytes) {
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0) {
    return absl::InternalError(absl::StrCat("no unwind map: ", std::strerror(errno)));
  }
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  Memory memory{.bytes = (info.max_entries * entry_bytes + page - 1) / page * page,
                .entries = info.max_entries};
  memory.at = mmap(nullptr, memory.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory.at == MAP_FAILED) {
    return absl::InternalError(absl::StrCat("cannot map an unwind map: ", std::strerror(errno)));
  }
  return memory;
}

absl::StatusOr<UnwindMaps> UnwindMaps::Open(const UnwindMapFds& fds) {
  const auto rows = Map(fds.rows, kChunkBytes);
  const auto pages = Map(fds.pages, kChunkBytes);
  const auto rules = Map(fds.rules, kRuleStride);
  const auto mappings = Map(fds.mappings, sizeof(unwind_mapping));
  for (const auto* map : {&rows, &pages, &rules, &mappings}) {
    if (!map->ok()) return map->status();
  }
  return UnwindMaps(fds, *rows, *pages, *rules, *mappings);
}

UnwindMaps::UnwindMaps(const UnwindMapFds& fds, Memory rows, Memory pages, Memory rules,
                       Memory mappings)
    : fds_(fds),
      rows_(rows),
      pages_(pages),
      rules_(rules),
      mappings_(mappings),
      row_arena_(rows.entries * UNWIND_CHUNK_WORDS),
      page_arena_(pages.entries * UNWIND_CHUNK_WORDS),
      mapping_arena_(mappings.entries) {}

UnwindMaps::UnwindMaps(UnwindMaps&& other) noexcept
    : fds_(other.fds_),
      rows_(std::exchange(other.rows_, {})),
      pages_(std::exchange(other.pages_, {})),
      rules_(std::exchange(other.rules_, {})),
      mappings_(std::exchange(other.mappings_, {})),
      row_arena_(std::move(other.row_arena_)),
      page_arena_(std::move(other.page_arena_)),
      mapping_arena_(std::move(other.mapping_arena_)),
      rules_written_(other.rules_written_),
      generation_(other.generation_),
      layouts_(std::move(other.layouts_)),
      published_(std::move(other.published_)),
      stats_(other.stats_) {}

UnwindMaps::~UnwindMaps() {
  for (const Memory& memory : {rows_, pages_, rules_, mappings_}) {
    if (memory.at != nullptr) munmap(memory.at, memory.bytes);
  }
}

void UnwindMaps::WriteRules(const RuleDictionary& rules) {
  const auto all = rules.rules();
  for (; rules_written_ < std::min<size_t>(all.size(), rules_.entries); ++rules_written_) {
    std::memcpy(static_cast<std::byte*>(rules_.at) + rules_written_ * kRuleStride,
                &all[rules_written_], sizeof(unwind_rule));
  }
}

UnwindView UnwindMaps::ViewOf(std::span<const unwind_mapping> mappings,
                              const RuleDictionary& rules) const {
  return {.mappings = mappings,
          .pages = {pages_.word(), pages_.words()},
          .rows = {rows_.word(), rows_.words()},
          .rules = rules.rules()};
}

std::optional<TablePlace> UnwindMaps::Place(const UnwindTable& table, const RuleDictionary& rules) {
  WriteRules(rules);
  const auto rows = static_cast<uint32_t>(table.rows.size());
  const auto indices = static_cast<uint32_t>(table.page_first_row.size());
  const auto first_row = row_arena_.Take(rows);
  const auto page_base = first_row ? page_arena_.Take(indices) : std::nullopt;
  if (!page_base) {
    if (first_row) row_arena_.Return(*first_row, rows);
    ++stats_.tables_refused;
    return std::nullopt;
  }
  std::copy(table.rows.begin(), table.rows.end(), rows_.word() + *first_row);
  std::transform(table.page_first_row.begin(), table.page_first_row.end(),
                 pages_.word() + *page_base, [&](uint32_t row) { return *first_row + row; });
  return TablePlace{
      .first_row = *first_row, .rows = rows, .page_base = *page_base, .pages = indices - 1};
}

void UnwindMaps::Remove(const TablePlace& place, uint64_t now_ns) {
  row_arena_.GiveUp(place.first_row, place.rows, now_ns + kGraceNs);
  page_arena_.GiveUp(place.page_base, place.pages + 1, now_ns + kGraceNs);
}

// One more than the place of the layout in the array; 0 when there is no room.
uint32_t UnwindMaps::NumberOf(const python_layout& layout) {
  const auto same = [&](const python_layout& other) {
    return std::memcmp(&other, &layout, sizeof(layout)) == 0;
  };
  const auto known = std::find_if(layouts_.begin(), layouts_.end(), same);
  if (known != layouts_.end()) return static_cast<uint32_t>(known - layouts_.begin()) + 1;
  const auto place = static_cast<uint32_t>(layouts_.size());
  if (bpf_map_update_elem(fds_.pythons, &place, &layout, BPF_ANY) != 0) return 0;
  layouts_.push_back(layout);
  return place + 1;
}

bool UnwindMaps::Publish(uint32_t pid, std::span<const unwind_mapping> mappings,
                         const std::optional<PythonProcess>& python, uint64_t now_ns) {
  const auto count = static_cast<uint32_t>(mappings.size());
  const auto first = mapping_arena_.Take(count);
  if (!first) {
    ++stats_.processes_refused;
    Withdraw(pid, now_ns);
    return false;
  }
  std::copy(mappings.begin(), mappings.end(), static_cast<unwind_mapping*>(mappings_.at) + *first);
  const unwind_process process{.first = *first,
                               .count = count,
                               .generation = ++generation_,
                               .python = python ? NumberOf(python->layout.walk) : 0,
                               .python_runtime = python ? python->runtime : 0};
  const Published fresh{.first = *first, .count = count};
  if (bpf_map_update_elem(fds_.processes, &pid, &process, BPF_ANY) != 0) {
    ++stats_.processes_refused;
    GiveUp(fresh, now_ns);
    Withdraw(pid, now_ns);
    return false;
  }
  const auto [at, added] = published_.try_emplace(pid, fresh);
  if (!added) GiveUp(std::exchange(at->second, fresh), now_ns);
  return true;
}

void UnwindMaps::Withdraw(uint32_t pid, uint64_t now_ns) {
  bpf_map_delete_elem(fds_.processes, &pid);
  const auto found = published_.find(pid);
  if (found == published_.end()) return;
  GiveUp(found->second, now_ns);
  published_.erase(found);
}

void UnwindMaps::PublishHotSpot(uint32_t pid, const hotspot_code* code) const {
  if (code == nullptr) {
    bpf_map_delete_elem(fds_.hotspots, &pid);
  } else {
    bpf_map_update_elem(fds_.hotspots, &pid, code, BPF_ANY);
  }
}

void UnwindMaps::GiveUp(const Published& published, uint64_t now_ns) {
  mapping_arena_.GiveUp(published.first, published.count, now_ns + kGraceNs);
}

void UnwindMaps::Collect(uint64_t now_ns) {
  row_arena_.Collect(now_ns);
  page_arena_.Collect(now_ns);
  mapping_arena_.Collect(now_ns);
}

}  // namespace waitscope
