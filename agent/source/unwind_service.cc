#include "agent/source/unwind_service.h"

#include <bpf/libbpf.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/os/clock.h"
#include "agent/os/process_memory.h"
#include "agent/source/raw_stacks.h"

namespace waitscope {
namespace {

// A record this old is in its ring, however the processors are held up; a younger one may not be.
constexpr uint64_t kInFlightNs = 500'000;
// Records of one fork storm are taken together, so that it does not wake this thread each time.
constexpr std::chrono::milliseconds kGather(2);
constexpr std::chrono::milliseconds kSettlePatience(100);
constexpr std::chrono::milliseconds kHurryPatience(50);
// All files that a Debian server has mapped take 0.2 to 0.5 s.
constexpr std::chrono::milliseconds kStartPatience(2000);
constexpr size_t kMaxFinished = 8192;
constexpr size_t kMaxAwaiting = 256;  // 4 MiB

ReadLiveWord WordsOf(ReadMemory memory) {
  return [memory = std::move(memory)](uint64_t address, uint64_t* word) {
    const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(word), sizeof(*word));
    return memory(address, bytes) == sizeof(*word);
  };
}

}  // namespace

void RingBufferFree::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

UnwindService::UnwindService(MappingStream stream, UnwindMaps maps,
                             std::unique_ptr<TableBuilder> builder)
    : tables_(std::move(stream), std::move(maps), std::move(builder)) {}

absl::StatusOr<std::unique_ptr<UnwindService>> UnwindService::Start(MappingStream stream,
                                                                    const UnwindMapFds& fds,
                                                                    int raw_ring,
                                                                    TableBuilder::Build build) {
  auto maps = UnwindMaps::Open(fds);
  if (!maps.ok()) return maps.status();
  auto builder = TableBuilder::Start(std::move(build));
  if (!builder.ok()) return builder.status();
  std::unique_ptr<UnwindService> service(
      new UnwindService(std::move(stream), *std::move(maps), *std::move(builder)));
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
  std::vector<int> fds = tables_.fds();
  fds.insert(fds.end(), {raw_ring, wake_.get(), tables_.built_fd()});
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

void UnwindService::FollowCpus(CpuSet online) {
  const std::lock_guard lock(mutex_);
  cpus_wanted_ = std::move(online);
  Wake();
}

void UnwindService::WatchCpus(const CpuSet& online) {
  tables_.FollowCpus(online);
  for (const int fd : tables_.fds()) Watch(fd);
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
  AwaitTurn(kSettlePatience, true);
  const std::lock_guard lock(mutex_);
  return std::exchange(open_read_, {});
}

void UnwindService::Settle() {
  if (!AwaitTurn(kSettlePatience, true)) AwaitTurn(kHurryPatience, false);
}

bool UnwindService::AwaitTurn(std::chrono::milliseconds patience, bool patient) {
  std::unique_lock lock(mutex_);
  patient_ = patient_ && patient;
  const uint64_t wanted = ++settle_wanted_;
  Wake();
  return settled_.wait_for(lock, patience, [&] { return settle_done_ >= wanted || stopping_; });
}

void UnwindService::AwaitTables() {
  std::unique_lock lock(mutex_);
  settled_.wait_for(lock, kStartPatience, [this] { return prepared_ || stopping_; });
}

void UnwindService::Run() {
  pthread_setname_np(pthread_self(), "ws-unwind");
  tables_.ReadAllProcesses();
  for (;;) {
    uint64_t settling = 0;
    bool patient = true;
    std::optional<CpuSet> cpus;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      settling = settle_wanted_;
      patient = std::exchange(patient_, true);
      cpus.swap(cpus_wanted_);
    }
    if (cpus) WatchCpus(*cpus);
    Turn(patient);
    {
      const std::lock_guard lock(mutex_);
      if (awaiting_.empty()) settle_done_ = settling;
      prepared_ = prepared_ || !tables_.awaits_tables();
    }
    settled_.notify_all();
    Wait();
  }
}

void UnwindService::Wait() {
  epoll_event ready[8];
  const int count = epoll_wait(epoll_.get(), ready, 8, tables_.patience_ms());
  const bool woken = std::any_of(ready, ready + std::max(count, 0), [&](const epoll_event& event) {
    return event.data.fd == wake_.get() || event.data.fd == tables_.built_fd();
  });
  eventfd_t drained = 0;
  eventfd_read(wake_.get(), &drained);
  if (count > 0 && !woken) std::this_thread::sleep_for(kGather);
}

void UnwindService::Turn(bool patient) {
  tables_.CatchUp(MonotonicNs() - kInFlightNs);
  tables_.AdoptBuilt();
  ring_buffer__consume(raw_.get());
  ReadWanted();
  FinishAwaiting(patient);
  tables_.MeetProcesses();
  tables_.Reap();
}

bool UnwindService::Stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void UnwindService::ReadWanted() {
  std::vector<waiting_thread> wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted.swap(open_wanted_);
  }
  for (const waiting_thread& waiting : wanted) {
    if (Stopping()) return;
    const ReadMemory memory = MemoryOf(waiting.thread.pid);
    raw_stack raw = {};
    ReadStackOf(waiting, MonotonicNs(), memory, raw);
    tables_.pythons().ReadFrames(raw, memory);
    Conclude(raw, waiting, Unwind(raw, waiting));
  }
}

void UnwindService::Finish(const raw_stack& raw) {
  tables_.CatchUp(UINT64_MAX);  // what was mapped before the stack was taken
  const bool read = !tables_.KnowsNow(raw) && tables_.Reread(raw.pid);
  UnwoundStack stack = Unwind(raw, std::nullopt);
  if (stack.stop == UNWIND_STOP_no_mapping && !read && tables_.Reread(raw.pid)) {
    stack = Unwind(raw, std::nullopt);
  }
  Conclude(raw, std::nullopt, stack);
}

UnwoundStack UnwindService::Unwind(const raw_stack& raw,
                                   const std::optional<waiting_thread>& waiting) {
  const ReadMemory memory = MemoryOf(raw.pid);
  if (!waiting) return tables_.Unwind(raw, memory, nullptr);
  UnwoundStack stack = tables_.Unwind(raw, memory, WordsOf(memory));
  // The window, too, was read from live memory.
  if (stack.trust == UNWIND_CLASS_late) stack.trust = UNWIND_CLASS_late_live;
  return stack;
}

// Tries those again whose tables have come; without patience the others end where they are.
void UnwindService::FinishAwaiting(bool patient) {
  for (std::unique_ptr<Unfinished>& one : std::exchange(awaiting_, {})) {
    if (!patient || !tables_.Awaits(*one->awaited)) {
      const UnwoundStack stack = Unwind(one->raw, one->waiting);
      one->awaited = patient ? tables_.AwaitedBy(one->raw, stack) : nullptr;
      if (!one->awaited) HandOver(one->raw, one->waiting, stack);
    }
    if (one->awaited) awaiting_.push_back(std::move(one));
  }
}

// Keeps a stack that needs a table until that has come.
void UnwindService::Conclude(const raw_stack& raw, const std::optional<waiting_thread>& waiting,
                             const UnwoundStack& stack) {
  std::shared_ptr<const MappedFile> awaited = tables_.AwaitedBy(raw, stack);
  if (awaited && awaiting_.size() < kMaxAwaiting) {
    awaiting_.push_back(std::make_unique<Unfinished>(Unfinished{raw, waiting, std::move(awaited)}));
  } else {
    HandOver(raw, waiting, stack);
  }
}

void UnwindService::HandOver(const raw_stack& raw, const std::optional<waiting_thread>& waiting,
                             const UnwoundStack& stack) {
  const std::lock_guard lock(mutex_);
  if (waiting) {
    open_read_.push_back({*waiting, EventOf(raw, stack)});
  } else if (finished_.size() < kMaxFinished) {
    finished_.push_back(EventOf(raw, stack));
  }
}

}  // namespace waitscope
