#include "agent/source/live_source.h"

#include <bpf/libbpf.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "agent/os/clock.h"
#include "agent/os/file_access.h"
#include "agent/source/event_codec.h"
#include "agent/source/kernel_totals.h"

namespace waitscope {
namespace {

constexpr uint64_t kLookEveryNs = 250'000'000;
constexpr int kDrainMs = 100;  // how long a record may wait in the ring buffer
constexpr size_t kMaxDiskstatsBytes = 4 << 20;
// A list of 30,000 open files takes 6 ms: at most a thousandth of the time is spent on it.
constexpr uint64_t kSidesPause = 1000;

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t OwnCpuNs() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& t) {
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 +
           static_cast<uint64_t>(t.tv_usec) * 1'000;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

template <size_t N>
void CopyText(char (&to)[N], std::string_view from) {
  const size_t length = std::min(from.size(), N - 1);
  std::memcpy(to, from.data(), length);
}

std::string Limits(const KernelFeatures& features, const std::vector<std::string>& shortfalls) {
  std::string text;
  for (const CapabilityReport& report : Describe(features)) {
    if (!report.present) absl::StrAppend(&text, report.name, ": ", report.detail, "\n");
  }
  for (const std::string& shortfall : shortfalls) absl::StrAppend(&text, shortfall, "\n");
  return text;
}

}  // namespace

LiveSource::LiveSource(const LiveOptions& options, KernelFeatures features)
    : options_(options),
      features_(std::move(features)),
      stacks_(options.window_ns),
      budget_(options.sample_period_ns, options.max_samples) {}

LiveSource::~LiveSource() = default;

absl::StatusOr<std::unique_ptr<LiveSource>> LiveSource::Open(const LiveOptions& options) {
  std::unique_ptr<LiveSource> source(new LiveSource(options, ProbeKernel()));
  if (absl::Status status = source->Start(); !status.ok()) return status;
  return source;
}

absl::Status LiveSource::Start() {
  auto session = BpfSession::Open(options_, features_);
  if (!session.ok()) return session.status();
  session_ = *std::move(session);
  const auto deliver = [](void* self, void* data, size_t size) {
    auto* source = static_cast<LiveSource*>(self);
    auto event = DecodeEvent({static_cast<const std::byte*>(data), size});
    if (event.ok()) {
      source->Accept(*event, *source->draining_);
    } else {
      ++source->undecodable_;
    }
    return 0;
  };
  ring_.reset(ring_buffer__new(session_->ring_fd(), deliver, this, nullptr));
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!ring_ || !wake_.ok() || !epoll_.ok()) {
    return absl::InternalError(absl::StrCat("cannot wait for events: ", std::strerror(errno)));
  }
  for (const int fd : {session_->ring_fd(), wake_.get()}) {
    epoll_event interest{.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &interest);
  }
  // The first tick is the baseline: it seeds the threads that are older than the agent.
  next_tick_ns_ = MonotonicNs();
  looked_ns_ = next_tick_ns_;
  malloc_trim(0);  // loading parsed the kernel's BTF once per object
  return absl::OkStatus();
}

void LiveSource::Introduce(absl::FunctionRef<void(const Event&)> fold) const {
  host_event host{};
  host.hdr = {EVENT_host, sizeof(host)};
  host.cpus = static_cast<uint32_t>(std::thread::hardware_concurrency());
  host.pid = static_cast<uint32_t>(getpid());
  utsname names{};
  uname(&names);
  CopyText(host.hostname, names.nodename);
  CopyText(host.kernel, names.release);
  CopyText(host.agent_version, options_.agent_version);
  CopyText(host.limits, Limits(features_, session_->Shortfalls()));
  fold(host);
}

// Until the ring buffer asks, a tick is due or wanted, or it is time to drain.
absl::Status LiveSource::Wait() {
  const uint64_t now = MonotonicNs();
  const uint64_t until_tick = next_tick_ns_ > now ? (next_tick_ns_ - now + 999'999) / 1'000'000 : 0;
  const int timeout = static_cast<int>(std::min<uint64_t>(until_tick, kDrainMs));
  epoll_event ready[2];
  if (epoll_wait(epoll_.get(), ready, 2, timeout) < 0 && errno != EINTR) {
    return absl::InternalError(absl::StrCat("cannot wait for events: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LiveSource::Poll(absl::FunctionRef<void(const Event&)> fold) {
  if (absl::Status status = Wait(); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  if (!std::exchange(introduced_, true)) Introduce(fold);
  if (absl::Status status = Drain(fold); !status.ok()) return status;
  LookRound(fold);
  const uint64_t now = MonotonicNs();
  if (now >= next_tick_ns_ || tick_wanted_.exchange(false)) {
    if (absl::Status status = Tick(fold); !status.ok()) return status;
  }
  return true;
}

absl::Status LiveSource::Drain(absl::FunctionRef<void(const Event&)> fold) {
  draining_ = &fold;
  ring_buffer__consume(ring_.get());
  draining_ = nullptr;
  if (UnwindService* unwinding = session_->unwinding()) {
    unwinding->TakeFinished([&](const stack_event& event) { fold(event); });
  }
  return ReadDead(*session_, fold);
}

// Adds what /proc says of processes that records name for the first time.
void LiveSource::Accept(const Event& event, absl::FunctionRef<void(const Event&)> fold) {
  if (const auto* life = std::get_if<life_event>(&event)) {
    if (life->kind == LIFE_exec) facts_.Executed(life->thread.pid, fold);
    if (life->kind == LIFE_exit && life->thread.pid == life->thread.tid) {
      facts_.Exited(life->thread.pid);
    }
  }
  const bool sample =
      std::holds_alternative<wait_event>(event) || std::holds_alternative<block_event>(event);
  told_ += sample ? 1 : 0;
  fold(event);
}

void LiveSource::LookRound(absl::FunctionRef<void(const Event&)> fold) {
  const uint64_t now = MonotonicNs();
  if (now - looked_ns_ < kLookEveryNs) return;
  KeepToBudget(now - std::exchange(looked_ns_, now));
  session_->FollowKernelLocks();
  if (session_->FollowCpus(OnlineCpus())) Introduce(fold);
}

void LiveSource::KeepToBudget(uint64_t elapsed_ns) {
  const uint64_t full = CountLost(*session_, LOST_ring_full);
  const uint64_t told = std::exchange(told_, 0) + full - std::exchange(ring_full_, full);
  const uint64_t before_ns = budget_.period_ns();
  const uint64_t after_ns = budget_.After(told, elapsed_ns);
  if (after_ns != before_ns) session_->SetPeriod(after_ns);
}

absl::Status LiveSource::Tick(absl::FunctionRef<void(const Event&)> fold) {
  tick_event tick{};
  tick.hdr = {EVENT_tick, sizeof(tick)};
  tick.at_ns = MonotonicNs();
  tick.wall_clock_ns = RealtimeNs();
  absl::Status status = ReadOpenStacks();
  absl::flat_hash_set<uint32_t> alive;
  status.Update(session_->ReadLedgers([&](const ledger_event& reading) {
    ledger_event event = reading;
    alive.insert(event.thread.pid);
    if (event.kernel_thread == 0) {
      event.user_stack = open_stacks_.StackOf(event, stacks_.current(), fold);
      facts_.Process(event.thread.pid, fold);
      if (event.thread.pid == event.thread.tid) facts_.Again(event, epoch_, fold);
      TellLockOwner(event, fold);
    }
    fold(event);
  }));
  if (!status.ok()) return status;
  facts_.KeepOnly(alive);
  ++epoch_;
  session_->BeginWindow(epoch_, stacks_.At(tick.at_ns));
  if (UnwindService* unwinding = session_->unwinding()) unwinding->Settle();
  status.Update(Drain(fold));  // what was recorded before the ledgers were read
  status.Update(TellDevices(tick.at_ns, fold));
  status.Update(ReadSyscalls(*session_, fold));
  status.Update(ReadUnread(*session_, tick.at_ns, fold));
  status.Update(TellSides(tick.at_ns, fold));
  session_->ReadKernelLocks(tick.at_ns, fold);
  if (!status.ok()) return status;
  ReadLosses(*session_, undecodable_, fold);
  surroundings_.Tell(tick.at_ns, facts_.Cgroups(), fold);
  TellCost(tick.at_ns, fold);
  fold(tick);
  next_tick_ns_ = tick.at_ns + (epoch_ == 1 ? options_.first_window_ns : options_.window_ns);
  return absl::OkStatus();
}

absl::Status LiveSource::TellDevices(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold) {
  const std::map<uint32_t, KernelDisk> disks =
      ParseDiskstats(ReadText("/proc/diskstats", kMaxDiskstatsBytes).value_or(""));
  const uint64_t missed = CountLost(*session_, LOST_request_untracked);
  const bool skipped = missed != std::exchange(requests_missed_, missed);
  const auto check = [&](device_event& reading) {
    facts_.Device(reading.dev, fold);
    const auto disk = disks.find(reading.dev);
    if (disk != disks.end()) disk_check_.Correct(disk->second, skipped, reading);
  };
  return ReadDevices(*session_, now_ns, check, fold);
}

absl::Status LiveSource::TellSides(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold) {
  if (MonotonicNs() < next_sides_ns_) return absl::OkStatus();
  const uint64_t began_ns = ThreadCpuNs();  // on a full machine the rest is waiting for a CPU
  const auto sockets = session_->ReadSockets();
  if (sockets.ok()) sides_.Tell(now_ns, *sockets, fold);
  next_sides_ns_ = MonotonicNs() + (ThreadCpuNs() - began_ns) * kSidesPause;
  return sockets.status();
}

// Before the ledgers: they tell whether a wait has lasted meanwhile.
absl::Status LiveSource::ReadOpenStacks() {
  UnwindService* const unwinding = session_->unwinding();
  if (unwinding == nullptr) return absl::OkStatus();
  auto waiting = session_->ReadWaiting();
  if (!waiting.ok()) return waiting.status();
  auto unread = open_stacks_.Unread(*std::move(waiting));
  for (const OpenStack& found : unwinding->ReadOpen(std::move(unread))) open_stacks_.Add(found);
  return absl::OkStatus();
}

void LiveSource::TellCost(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold) const {
  cost_event cost{};
  cost.hdr = {EVENT_cost, sizeof(cost)};
  cost.at_ns = now_ns;
  cost.agent_cpu_ns = OwnCpuNs();
  cost.agent_rss_bytes = ResidentBytes();
  for (const ProgramReport& program : session_->Programs()) {
    cost.bpf_run_ns += program.run_ns;
    cost.bpf_run_count += program.run_count;
  }
  fold(cost);
}

void LiveSource::RequestTick() {
  tick_wanted_ = true;
  const uint64_t one = 1;
  // A full counter means that a wakeup is pending already.
  if (write(wake_.get(), &one, sizeof(one)) < 0) return;
}

absl::Status LiveSource::WantSyscalls(bool wanted) {
  const std::lock_guard lock(mutex_);
  return session_->SetOnDemand(wanted);
}

void LiveSource::WantKernelLocks(bool wanted) {
  const std::lock_guard lock(mutex_);
  session_->SetKernelLocks(wanted);
}

bool LiveSource::KernelLocksSettled() {
  const std::lock_guard lock(mutex_);
  session_->FollowKernelLocks();
  return !session_->kernel_locks().loading();
}

std::vector<Mapping> LiveSource::MappingsOf(uint32_t pid) const {
  const UnwindService* unwinding = session_->unwinding();
  return unwinding == nullptr ? std::vector<Mapping>() : unwinding->MappingsOf(pid);
}

std::optional<PythonLayout> LiveSource::PythonOf(uint32_t pid) const {
  const UnwindService* unwinding = session_->unwinding();
  const auto python = unwinding == nullptr ? std::nullopt : unwinding->PythonOf(pid);
  return python ? std::optional(python->layout) : std::nullopt;
}

std::optional<HotSpotLayout> LiveSource::HotSpotOf(uint32_t pid) const {
  const UnwindService* unwinding = session_->unwinding();
  return unwinding == nullptr ? std::nullopt : unwinding->HotSpotOf(pid);
}

std::optional<CodeObject> LiveSource::PythonNameOf(CodeCache::Life life, uint64_t code) const {
  return session_->PythonNameOf(life, code);
}

std::vector<CapabilityReport> LiveSource::capabilities() const {
  const std::lock_guard lock(mutex_);
  std::vector<CapabilityReport> reports = Describe(features_);
  for (const std::string& shortfall : session_->Shortfalls()) {
    reports.push_back({.name = "shortfall", .detail = shortfall});
  }
  return reports;
}

std::vector<ProgramReport> LiveSource::programs() const {
  const std::lock_guard lock(mutex_);
  return session_->Programs();
}

}  // namespace waitscope
