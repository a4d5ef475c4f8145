#include "agent/source/table_builder.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/unwind/elf_image.h"

namespace waitscope {
namespace {

constexpr size_t kMaxVdsoBytes = 64 << 10;
// Of code: 10 ms of building, on a machine that does nothing else.
constexpr uint64_t kMostSmallBytes = 8 << 20;
// Under the agent's own threads, of which the others are in a hurry.
constexpr int kLargeNice = 5;
// What is built and not taken is memory.
constexpr size_t kMaxUntaken = 16;
// Of files in line for the other lane: anybody may map a thousand large ones. More are opened
// again.
constexpr size_t kMostKeptOpen = 32;

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

uint64_t CodeBytes(const ElfImage& image) {
  uint64_t bytes = 0;
  for (const ElfImage::Segment& segment : image.segments()) {
    if (segment.executable) bytes += segment.file_size;
  }
  return bytes;
}

void BuildImage(const absl::StatusOr<ElfImage>& image, BuiltFile& built) {
  if (!image.ok()) return;
  built.python = FindPython(*image, built.file->path);
  built.hotspot = FindHotSpot(*image, built.file->path);
  absl::StatusOr<UnwindTable> table = BuildUnwindTable(*image, built.rules);
  if (table.ok()) built.table = *std::move(table);
}

bool OpenIfNeeded(WantedFile& wanted) {
  if (wanted.opened) return true;
  absl::StatusOr<OpenedFile> file = OpenMapped(wanted.holder, *wanted.file);
  if (file.ok()) wanted.opened = *std::move(file);
  return wanted.opened.has_value();
}

void BringToFront(std::deque<WantedFile>& wanted, const TextMappings& mappings) {
  std::stable_partition(wanted.begin(), wanted.end(), [&](const WantedFile& one) {
    return std::any_of(mappings.begin(), mappings.end(),
                       [&](const TextMapping& mapping) { return mapping.file == one.file; });
  });
}

}  // namespace

absl::StatusOr<OpenedFile> OpenMapped(const FileHolder& holder, const MappedFile& file) {
  const MappedPlace place{absl::StrCat("/proc/", holder.pid), holder.start, holder.end, file.path};
  return OpenMapped(place, "/",
                    [&](const FileKey& key, FoundBy) { return key.inode == file.inode; });
}

std::optional<BuiltFile> BuildFile(WantedFile& wanted, uint64_t most_code_bytes) {
  BuiltFile built{.file = wanted.file};
  if (wanted.file->path == kVdso) {
    built.key.emplace();
    BuildImage(ElfImage::FromMemory(OwnVdso()), built);
    return built;
  }
  if (!OpenIfNeeded(wanted)) return built;
  built.key = wanted.opened->key;
  const absl::StatusOr<ElfImage> image = ElfImage::FromFile(wanted.opened->fd.get());
  if (image.ok() && CodeBytes(*image) > most_code_bytes) return std::nullopt;
  BuildImage(image, built);
  return built;
}

absl::StatusOr<std::unique_ptr<TableBuilder>> TableBuilder::Start(Build build) {
  UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.ok()) {
    return absl::InternalError(absl::StrCat("cannot build unwind tables: ", std::strerror(errno)));
  }
  return std::unique_ptr<TableBuilder>(new TableBuilder(std::move(build), std::move(fd)));
}

TableBuilder::TableBuilder(Build build, UniqueFd built_fd)
    : build_(std::move(build)), built_fd_(std::move(built_fd)) {
  small_.thread = std::thread([this] { RunSmall(); });
  large_.thread = std::thread([this] { RunLarge(); });
}

TableBuilder::~TableBuilder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  small_.thread.join();
  large_.thread.join();
}

void TableBuilder::Want(WantedFile wanted) {
  {
    const std::lock_guard lock(mutex_);
    small_.wanted.push_back(std::move(wanted));
  }
  changed_.notify_all();
}

void TableBuilder::Hasten(const TextMappings& mappings) {
  const std::lock_guard lock(mutex_);
  BringToFront(small_.wanted, mappings);
  BringToFront(large_.wanted, mappings);
}

std::vector<BuiltFile> TableBuilder::TakeBuilt() {
  eventfd_t times = 0;
  if (eventfd_read(fd(), &times) != 0) return {};
  std::vector<BuiltFile> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(built_);
  }
  changed_.notify_all();
  return taken;
}

void TableBuilder::GiveBackMemory() {
  {
    const std::lock_guard lock(mutex_);
    memory_to_give_ = true;
  }
  changed_.notify_all();
}

bool TableBuilder::MayBuild(const Lane& lane) const {
  return !lane.wanted.empty() && built_.size() < kMaxUntaken;
}

void TableBuilder::RunSmall() {
  pthread_setname_np(pthread_self(), "ws-tables");
  Run(small_, kMostSmallBytes);
}

void TableBuilder::RunLarge() {
  pthread_setname_np(pthread_self(), "ws-large-tables");
  setpriority(PRIO_PROCESS, 0, kLargeNice);  // of this thread, on Linux
  Run(large_, UINT64_MAX);
}

void TableBuilder::Run(Lane& lane, uint64_t most_code_bytes) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || memory_to_give_ || MayBuild(lane); });
    if (stopping_) return;
    if (std::exchange(memory_to_give_, false)) {
      lock.unlock();
      malloc_trim(0);
      lock.lock();
      continue;
    }
    WantedFile wanted = std::move(lane.wanted.front());
    lane.wanted.pop_front();
    lock.unlock();
    std::optional<BuiltFile> built = build_(wanted, most_code_bytes);
    lock.lock();
    if (built) {
      built_.push_back(*std::move(built));
      eventfd_write(fd(), 1);
    } else {
      if (large_.wanted.size() >= kMostKeptOpen) wanted.opened.reset();
      large_.wanted.push_back(std::move(wanted));
      changed_.notify_all();
    }
  }
}

}  // namespace waitscope
