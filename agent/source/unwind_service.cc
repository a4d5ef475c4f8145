#include "agent/source/unwind_service.h"

#include <bpf/libbpf.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/os/clock.h"
#include "agent/os/process_memory.h"
#include "agent/source/proc_mappings.h"
#include "agent/source/raw_stacks.h"

namespace waitscope {
namespace {

// A record this old is in its ring, however the processors are held up; a younger one may not be.
constexpr uint64_t kInFlightNs = 500'000;
// Records of one fork storm are taken together, so that it does not wake this thread each time.
constexpr std::chrono::milliseconds kGather(2);
// How long an ended process's stacks are waited for: in a storm naming lags by seconds.
constexpr uint64_t kAfterlifeNs = 10'000'000'000;
constexpr uint64_t kRereadNs = 5'000'000;  // at 0.3 ms each, 6 % of a processor
constexpr std::chrono::milliseconds kSettlePatience(100);
// All files that a Debian server has mapped take 0.2 to 0.5 s.
constexpr std::chrono::milliseconds kStartPatience(2000);
constexpr size_t kMaxFinished = 8192;
// Files whose tables one stack may wait for: a process that was just met has 5 to 100.
constexpr int kBuildsForOne = 256;

}  // namespace

void RingBufferFree::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

UnwindService::UnwindService(MappingStream stream, UnwindMaps maps)
    : stream_(std::move(stream)), maps_(std::move(maps)), tables_(maps_) {}

absl::StatusOr<std::unique_ptr<UnwindService>> UnwindService::Start(MappingStream stream,
                                                                    const UnwindMapFds& fds,
                                                                    int raw_ring) {
  auto maps = UnwindMaps::Open(fds);
  if (!maps.ok()) return maps.status();
  std::unique_ptr<UnwindService> service(new UnwindService(std::move(stream), *std::move(maps)));
  if (absl::Status status = service->Prepare(raw_ring); !status.ok()) return status;
  service->thread_ = std::thread([self = service.get()] { self->Run(); });
  return service;
}

absl::Status UnwindService::Prepare(int raw_ring) {
  const auto finish = [](void* self, void* data, size_t size) {
    if (size < sizeof(raw_stack)) return 0;
    static_cast<UnwindService*>(self)->Finish(*static_cast<const raw_stack*>(data));
    return 0;
  };
  raw_.reset(ring_buffer__new(raw_ring, finish, this, nullptr));
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!raw_ || !wake_.ok() || !epoll_.ok()) {
    return absl::InternalError(absl::StrCat("cannot follow mappings: ", std::strerror(errno)));
  }
  std::vector<int> fds = stream_.fds();
  fds.insert(fds.end(), {raw_ring, wake_.get()});
  for (const int fd : fds) Watch(fd);
  return absl::OkStatus();
}

// One that is watched already stays so.
void UnwindService::Watch(int fd) {
  epoll_event interest{.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &interest);
}

UnwindService::~UnwindService() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

void UnwindService::Wake() const {
  const uint64_t one = 1;
  if (write(wake_.get(), &one, sizeof(one)) < 0) return;  // a full counter wakes, too
}

void UnwindService::TakeFinished(absl::FunctionRef<void(const stack_event&)> each) {
  std::vector<stack_event> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(finished_);
  }
  for (const stack_event& event : taken) each(event);
}

std::vector<OpenStack> UnwindService::ReadOpen(std::vector<waiting_thread> waiting) {
  {
    const std::lock_guard lock(mutex_);
    open_wanted_ = std::move(waiting);
  }
  Settle();
  const std::lock_guard lock(mutex_);
  return std::exchange(open_read_, {});
}

void UnwindService::Settle() {
  std::unique_lock lock(mutex_);
  const uint64_t wanted = ++settle_wanted_;
  Wake();
  settled_.wait_for(lock, kSettlePatience, [&] { return settle_done_ >= wanted || stopping_; });
}

void UnwindService::AwaitTables() {
  std::unique_lock lock(mutex_);
  settled_.wait_for(lock, kStartPatience, [this] { return prepared_ || stopping_; });
}

std::vector<Mapping> UnwindService::MappingsOf(uint32_t pid) const {
  const std::lock_guard lock(tracker_mutex_);
  return AllMappingsOf(tracker_, pid);
}

UnwindService::Stats UnwindService::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void UnwindService::Run() {
  pthread_setname_np(pthread_self(), "ws-unwind");
  ReadAllProcesses();
  for (;;) {
    uint64_t settling = 0;
    std::optional<CpuSet> cpus;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      settling = settle_wanted_;
      cpus.swap(cpus_wanted_);
    }
    if (cpus) WatchCpus(*cpus);
    Turn();
    {
      const std::lock_guard lock(mutex_);
      settle_done_ = settling;
      prepared_ = prepared_ || !tables_.has_work();
      stats_ = {.raw_stacks = raw_stacks_,
                .raw_finished = raw_finished_,
                .records = records_,
                .processes = tracker_.processes(),
                .maps = maps_.stats(),
                .tables = tables_.stats(),
                .rows_used = maps_.rows_used()};
    }
    settled_.notify_all();
    Wait();
  }
}

void UnwindService::Wait() {
  int timeout = dying_.empty() ? -1 : 1000;
  if (stream_.holds_back()) timeout = 1;
  if (tables_.has_work()) timeout = 0;
  epoll_event ready[8];
  const int count = epoll_wait(epoll_.get(), ready, 8, timeout);
  const bool woken = std::any_of(ready, ready + std::max(count, 0), [&](const epoll_event& event) {
    return event.data.fd == wake_.get();
  });
  uint64_t drained = 0;
  if (woken && read(wake_.get(), &drained, sizeof(drained)) < 0) return;
  if (count > 0 && !woken) std::this_thread::sleep_for(kGather);
}

void UnwindService::FollowCpus(CpuSet online) {
  const std::lock_guard lock(mutex_);
  cpus_wanted_ = std::move(online);
  Wake();
}

// What was mapped on a CPU that was not followed is read from /proc, now or when it is missed.
void UnwindService::WatchCpus(const CpuSet& online) {
  stream_.Follow(online).IgnoreError();
  for (const int fd : stream_.fds()) Watch(fd);
  lost_ = true;
}

void UnwindService::Turn() {
  Follow(MonotonicNs() - kInFlightNs);
  PublishChanged();
  ring_buffer__consume(raw_.get());
  ReadWanted();
  BuildOne();
  Reap();
  maps_.Collect(MonotonicNs());
}

void UnwindService::ReadAllProcesses() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    uint32_t pid = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &pid)) ReadProcess(pid);
  }
}

void UnwindService::ReadProcess(uint32_t pid) {
  const std::vector<MappingRecord> records = ReadMappings(pid, MonotonicNs());
  if (records.empty()) return;
  const std::lock_guard lock(tracker_mutex_);
  tracker_.Replace(pid, records);
}

void UnwindService::Follow(uint64_t before_ns) {
  stream_.Drain(before_ns, [this](const MappingRecord& record) { Apply(record); });
  if (!std::exchange(lost_, false)) return;
  ReadAllProcesses();
  tracker_.ForEach([this](uint32_t pid, const SharedMappings&) {
    if (IsGone(pid)) dying_.try_emplace(pid, MonotonicNs());
  });
}

void UnwindService::Apply(const MappingRecord& record) {
  ++records_;
  if (record.kind == MappingRecord::Kind::kLost) {
    lost_ = true;
    return;
  }
  if (record.kind == MappingRecord::Kind::kExit) dying_[record.pid] = record.time_ns;
  if (record.kind == MappingRecord::Kind::kFork) dying_.erase(record.pid);
  const std::lock_guard lock(tracker_mutex_);
  tracker_.Apply(record);
}

void UnwindService::PublishChanged() {
  std::set<const MappedFile*> replaced;
  for (const uint32_t pid : tracker_.TakeChanged()) {
    const SharedMappings mappings = tracker_.Find(pid);
    if (!mappings) continue;
    for (const TextMapping& mapping : *mappings) {
      if (tables_.Revalidate(mapping, pid, MonotonicNs())) replaced.insert(mapping.file.get());
    }
    Publish(pid, *mappings);
  }
  for (const MappedFile* file : replaced) PublishHolders(file);
}

void UnwindService::PublishHolders(const MappedFile* file) {
  tracker_.ForEach([&](uint32_t pid, const SharedMappings& mappings) {
    const bool holds =
        std::any_of(mappings->begin(), mappings->end(),
                    [&](const TextMapping& mapping) { return mapping.file.get() == file; });
    if (holds) Publish(pid, *mappings);
  });
}

void UnwindService::Publish(uint32_t pid, const TextMappings& mappings) {
  if (mappings.empty()) {  // a kernel thread, or between two programs
    maps_.Withdraw(pid, MonotonicNs());
    return;
  }
  const auto python = pythons_.Note(pid, tables_.PythonIn(mappings));
  maps_.Publish(pid, DescribeAll(pid, mappings), python, MonotonicNs());
}

std::vector<unwind_mapping> UnwindService::DescribeAll(uint32_t pid, const TextMappings& mappings) {
  std::vector<unwind_mapping> described;
  described.reserve(mappings.size());
  for (const TextMapping& mapping : mappings) {
    described.push_back(tables_.Describe(mapping, pid));
  }
  return described;
}

void UnwindService::BuildOne() {
  const auto find_holder = [this](const MappedFile* file) {
    std::optional<TableStore::Holder> found;
    tracker_.ForEach([&](uint32_t pid, const SharedMappings& mappings) {
      for (const TextMapping& mapping : *mappings) {
        if (!found && mapping.file.get() == file && !dying_.contains(pid)) {
          found = {pid, mapping.start, mapping.end};
        }
      }
    });
    return found;
  };
  const MappedFile* file = tables_.BuildOne(find_holder, MonotonicNs());
  if (file == nullptr) return;
  PublishHolders(file);
  if (!tables_.has_work()) malloc_trim(0);  // building takes ten times what is kept
}

// A process lives on after its first thread while others run.
void UnwindService::Reap() {
  const uint64_t now = MonotonicNs();
  for (auto at = dying_.begin(); at != dying_.end();) {
    const auto [pid, since_ns] = *at;
    if (now - since_ns < kAfterlifeNs) {
      ++at;
      continue;
    }
    if (IsGone(pid)) {
      const std::lock_guard lock(tracker_mutex_);
      tracker_.Forget(pid);
      pythons_.Note(pid, std::nullopt);
      maps_.Withdraw(pid, now);
      at = dying_.erase(at);
    } else {
      at->second = now;  // looked at again then
      ++at;
    }
  }
}

// The kernel side did not know what is known here: its entry is missing or is of before.
bool UnwindService::KnowsNow(const raw_stack& raw) {
  const SharedMappings mappings = tracker_.Find(raw.pid);
  if (!mappings || mappings->empty()) return false;
  if (raw.stop == UNWIND_STOP_no_process || raw.stop == UNWIND_STOP_no_mapping) {
    Publish(raw.pid, *mappings);
  }
  return true;
}

// With what was mapped when the stack was taken, not with what is published now.
UnwoundStack UnwindService::Unwind(const raw_stack& raw, const ReadLiveWord& read_live) {
  std::vector<unwind_mapping> mappings;
  if (const SharedMappings then = tracker_.FindAt(raw.pid, raw.at_ns)) {
    mappings = DescribeAll(raw.pid, *then);
  }
  return UnwindStack(maps_.ViewOf(mappings, tables_.rules()), SampleOf(raw), read_live);
}

// Builds the tables that it needs first.
UnwoundStack UnwindService::UnwindBuilding(const raw_stack& raw, const ReadLiveWord& read_live) {
  UnwoundStack stack = Unwind(raw, read_live);
  if (stack.stop == UNWIND_STOP_no_table) tables_.Hasten(tracker_.FindAt(raw.pid, raw.at_ns));
  for (int files = 0; stack.stop == UNWIND_STOP_no_table && files < kBuildsForOne; ++files) {
    if (!tables_.has_work()) break;
    BuildOne();
    stack = Unwind(raw, read_live);
  }
  return stack;
}

void UnwindService::ReadWanted() {
  std::vector<waiting_thread> wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted.swap(open_wanted_);
  }
  const auto raw = std::make_unique<raw_stack>();
  for (const waiting_thread& waiting : wanted) {
    ReadStackOf(waiting, MonotonicNs(), *raw);
    pythons_.ReadFrames(*raw);
    const auto read_live = [&](uint64_t address, uint64_t* word) {
      return ReadWordOf(static_cast<pid_t>(waiting.thread.pid), address, word);
    };
    UnwoundStack stack = UnwindBuilding(*raw, read_live);
    // The window, too, was read from live memory.
    if (stack.trust == UNWIND_CLASS_late) stack.trust = UNWIND_CLASS_late_live;
    const std::lock_guard lock(mutex_);
    open_read_.push_back({waiting, EventOf(*raw, stack)});
  }
}

// What no record told: the last resort, and dear.
bool UnwindService::Reread(uint32_t pid) {
  const uint64_t now = MonotonicNs();
  if (now - reread_ns_ < kRereadNs) return false;
  reread_ns_ = now;
  ReadProcess(pid);
  PublishChanged();
  return true;
}

void UnwindService::Finish(const raw_stack& raw) {
  ++raw_stacks_;
  Follow(UINT64_MAX);  // what was mapped before the stack was taken
  PublishChanged();
  bool read = !KnowsNow(raw) && Reread(raw.pid);
  UnwoundStack stack = UnwindBuilding(raw, nullptr);
  if (stack.stop == UNWIND_STOP_no_mapping && !read && Reread(raw.pid)) {
    stack = UnwindBuilding(raw, nullptr);
  }
  if (stack.trust != UNWIND_CLASS_truncated) ++raw_finished_;
  const std::lock_guard lock(mutex_);
  if (finished_.size() < kMaxFinished) finished_.push_back(EventOf(raw, stack));
}

}  // namespace waitscope
