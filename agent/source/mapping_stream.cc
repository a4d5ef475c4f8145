#include "agent/source/mapping_stream.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

// 256 KiB hold some 2000 records: what a fork storm makes in a quarter of a second.
constexpr size_t kRingPages = 64;

size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }
size_t RingBytes() { return kRingPages * PageBytes(); }
size_t MappedBytes() { return RingBytes() + PageBytes(); }

int OpenDummy(int cpu) {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.sample_type = PERF_SAMPLE_TIME;
  attr.sample_id_all = 1;
  attr.exclude_kernel = 1;
  attr.mmap = 1;
  attr.mmap2 = 1;
  attr.comm = 1;
  attr.comm_exec = 1;
  attr.task = 1;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;
  attr.watermark = 1;
  attr.wakeup_watermark = 1;
  return static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

// Copies one record out of a ring, over its end if need be.
void CopyOut(const std::byte* ring, uint64_t at, std::span<std::byte> to) {
  const size_t offset = at & (RingBytes() - 1);
  const size_t first = std::min(to.size(), RingBytes() - offset);
  std::memcpy(to.data(), ring + offset, first);
  std::memcpy(to.data() + first, ring, to.size() - first);
}

}  // namespace

void MappingStream::Unmap::operator()(void* memory) const { munmap(memory, MappedBytes()); }

absl::StatusOr<MappingStream> MappingStream::Open(const CpuSet& online) {
  MappingStream stream;
  if (absl::Status status = stream.Follow(online); !status.ok()) return status;
  return stream;
}

absl::Status MappingStream::Follow(const CpuSet& online) {
  // What is left in the rings of those that went.
  for (const auto& [cpu, ring] : rings_) Read(ring);
  return rings_.Follow(online, OpenRing);
}

absl::StatusOr<std::optional<MappingStream::Ring>> MappingStream::OpenRing(int cpu) {
  UniqueFd fd(OpenDummy(cpu));
  if (!fd.ok() && (errno == ENODEV || errno == EINVAL)) return std::nullopt;  // not online
  void* memory = fd.ok()
                     ? mmap(nullptr, MappedBytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0)
                     : MAP_FAILED;
  if (memory == MAP_FAILED) {
    return absl::UnavailableError(absl::StrCat("cannot follow mappings on CPU ", cpu, ": ",
                                               std::strerror(errno),
                                               " (kernel.perf_event_paranoid, CAP_PERFMON)"));
  }
  return Ring{std::move(fd), std::unique_ptr<void, Unmap>(memory)};
}

std::vector<int> MappingStream::fds() const {
  std::vector<int> fds;
  for (const auto& [cpu, ring] : rings_) fds.push_back(ring.fd.get());
  return fds;
}

void MappingStream::Read(const Ring& ring) {
  auto* page = static_cast<perf_event_mmap_page*>(ring.memory.get());
  const auto* data = static_cast<const std::byte*>(ring.memory.get()) + PageBytes();
  const uint64_t head = std::atomic_ref(page->data_head).load(std::memory_order_acquire);
  uint64_t tail = page->data_tail;
  std::vector<std::byte> record;
  while (tail < head) {
    perf_event_header header;
    CopyOut(data, tail, std::as_writable_bytes(std::span(&header, 1)));
    if (header.size < sizeof(header) || header.size > head - tail) break;
    record.resize(header.size);
    CopyOut(data, tail, record);
    tail += header.size;
    if (auto parsed = ParseMappingRecord(record)) held_.push_back(*std::move(parsed));
  }
  std::atomic_ref(page->data_tail).store(head, std::memory_order_release);
}

void MappingStream::Drain(uint64_t before_ns, absl::FunctionRef<void(const MappingRecord&)> each) {
  for (const auto& [cpu, ring] : rings_) Read(ring);
  std::stable_sort(held_.begin(), held_.end(), [](const MappingRecord& a, const MappingRecord& b) {
    return a.time_ns < b.time_ns;
  });
  const auto end =
      std::partition_point(held_.begin(), held_.end(),
                           [&](const MappingRecord& record) { return record.time_ns < before_ns; });
  std::for_each(held_.begin(), end, each);
  held_.erase(held_.begin(), end);
}

}  // namespace waitscope
