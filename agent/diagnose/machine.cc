#include "agent/diagnose/machine.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/kernel_locks.h"
#include "agent/diagnose/nature.h"

namespace waitscope {
namespace {

constexpr size_t kMostFrames = 48;
constexpr double kWholeWindow = 0.95;

// The same on every way into a system call: they say nothing about a wait.
constexpr std::array<std::string_view, 5> kEntryFrames{"entry_SYSCALL_64", "do_syscall_64",
                                                       "x64_sys_call", "ret_from_fork", "schedule"};

bool IsEntry(const Frame& frame) {
  if (frame.symbol.empty() && frame.address == 0) return true;
  return std::ranges::any_of(
      kEntryFrames, [&](std::string_view prefix) { return frame.symbol.starts_with(prefix); });
}

std::string NameOf(const Frame& frame) {
  if (!frame.symbol.empty() && frame.file.empty()) return frame.symbol;
  if (!frame.symbol.empty()) {
    const std::string name = frame.file.substr(frame.file.rfind('/') + 1);
    return absl::StrFormat("%s (%s:%u)", frame.symbol, name, frame.line);
  }
  if (frame.module.empty()) return absl::StrFormat("0x%x", frame.address);
  return absl::StrFormat("%s+0x%x", frame.module,
                         frame.file_offset != 0 ? frame.file_offset : frame.address);
}

template <typename Site>
void SortByTime(std::vector<Site>& sites) {
  std::ranges::stable_sort(sites, [](const Site& a, const Site& b) { return a.ns > b.ns; });
}

void Add(WaitSite& into, const WaitSite& other) {
  if (into.kernel_stack == 0) into.kernel_stack = other.kernel_stack;
  if (into.device == 0) into.device = other.device;
  into.ns += other.ns;
  into.count += other.count;
  into.longest_ns = std::max(into.longest_ns, other.longest_ns);
  into.device_ns += other.device_ns;
  into.queue_ns += other.queue_ns;
  into.open |= other.open;
  for (const auto& [waker, count] : other.wakers) into.wakers[waker] += count;
}

WaitSite SiteOf(const Snapshot& snapshot, const SampleKey& key, const SampleValue& value) {
  WaitSite site{.cls = key.cls,
                .syscall = key.syscall,
                .object = key.object != 0 ? &snapshot.objects[key.object] : nullptr,
                .kernel_stack = key.kernel_stack,
                .user_stack = key.user_stack,
                .ns = value.ns,
                .count = value.count,
                .longest_ns = value.longest_ns,
                .device_ns = value.device_ns,
                .queue_ns = value.queue_ns,
                .device = key.device,
                .open = key.open};
  const bool by_thread = key.waker.tid != 0 && value.count > 0;
  if (by_thread) site.wakers[key.waker] = value.count;
  return site;
}

bool SamePlace(const WaitSite& a, const WaitSite& b) {
  return a.cls == b.cls && a.syscall == b.syscall && a.object == b.object &&
         a.at_kernel_lock == b.at_kernel_lock;
}

// A wait that spans windows was told at each close, without its user stack: that time belongs to
// the row that tells its end.
void AdoptOpenParts(std::vector<WaitSite>& sites) {
  for (auto part = sites.begin(); part != sites.end();) {
    WaitSite* whole = nullptr;
    for (WaitSite& site : sites) {
      if (site.user_stack == 0 || !SamePlace(site, *part)) continue;
      if (whole == nullptr || site.longest_ns > whole->longest_ns) whole = &site;
    }
    if (part->user_stack != 0 || whole == nullptr) {
      ++part;
      continue;
    }
    Add(*whole, *part);
    part = sites.erase(part);
  }
}

}  // namespace

double ThreadView::NsOf(Nature nature) const {
  double ns = 0;
  for (const WaitSite& site : sites) ns += site.nature == nature ? site.ns : 0;
  return ns;
}

double ThreadView::CountOf(Nature nature) const {
  double count = 0;
  for (const WaitSite& site : sites) count += site.nature == nature ? site.count : 0;
  return count;
}

double ThreadView::ShareOf(Nature nature) const {
  return WallNs() > 0 ? NsOf(nature) / WallNs() : 0;
}

double WaitSite::EndedBy(const std::set<ThreadKey>& threads) const {
  double ended = 0;
  for (const auto& [waker, count] : wakers) ended += threads.contains(waker) ? count : 0;
  return ended;
}

uint64_t ThreadView::ReadsWithWrites() const {
  return std::min(Calls({__NR_read, __NR_readv}), Calls({__NR_write, __NR_writev}));
}

uint64_t ThreadView::Calls(std::initializer_list<int32_t> numbers) const {
  uint64_t count = 0;
  for (const int32_t number : numbers) {
    const auto at = calls.find(number);
    if (at != calls.end()) count += at->second->count - at->second->errors;
  }
  return count;
}

const ThreadView* ProcessView::Find(uint32_t tid) const {
  const auto at = std::ranges::find_if(
      threads, [&](const ThreadView& thread) { return thread.key().tid == tid; });
  return at != threads.end() ? &*at : nullptr;
}

bool ProcessView::IsNamedLike(std::string_view part) const {
  if (comm.find(part) != std::string::npos) return true;
  const std::string first = facts->command.substr(0, facts->command.find(' '));
  return first.find(part) != std::string::npos;
}

StateTotals ProcessView::Totals() const {
  StateTotals totals;
  for (const ThreadView& thread : threads) totals += thread.totals();
  return totals;
}

MachineView::MachineView(const Snapshot& snapshot) : snapshot_(&snapshot) {
  AddThreads();
  AddSamples();
  AddCalls();
}

double MachineView::WindowNs() const {
  return static_cast<double>(snapshot_->end_ns - snapshot_->begin_ns);
}

double MachineView::Cpus() const { return std::max<double>(snapshot_->host.cpus, 1); }

void MachineView::AddThreads() {
  static const ProcessFacts kUnknown;
  for (const auto& [key, thread] : snapshot_->threads) {
    ProcessView& process = processes_[key.pid];
    if (process.threads.empty() || key.tid == key.pid) process.comm = thread.comm;
    process.pid = key.pid;
    process.kernel = thread.kernel_thread;
    const auto facts = snapshot_->processes.find(key.pid);
    process.facts = facts != snapshot_->processes.end() ? &facts->second : &kUnknown;
    process.threads.push_back({.window = &thread});
  }
  std::erase_if(processes_, [&](const auto& row) {
    return row.second.kernel || row.first == snapshot_->host.agent_pid;
  });
  for (auto& [pid, process] : processes_) {
    for (ThreadView& thread : process.threads) threads_[thread.key()] = &thread;
  }
}

ThreadView* MachineView::Mutable(const ThreadKey& key) {
  const auto at = threads_.find(key);
  return at != threads_.end() ? at->second : nullptr;
}

void MachineView::AddSamples() {
  using Place = std::tuple<ThreadKey, wait_class, int32_t, uint32_t, StackId, bool>;
  const std::set<StackId> locks = KernelLockStacks(*snapshot_);
  std::map<Place, WaitSite> sites;
  std::map<std::tuple<ThreadKey, StackId, StackId>, RunSite> runs;
  for (const auto& [key, value] : snapshot_->samples) {
    if (!threads_.contains(key.thread)) continue;
    if (key.state == SampleState::kRunning) {
      RunSite& run = runs[{key.thread, key.kernel_stack, key.user_stack}];
      run = {key.kernel_stack, key.user_stack, run.ns + value.ns, run.count + value.count};
    }
    if (key.state != SampleState::kBlocked) continue;
    WaitSite site = SiteOf(*snapshot_, key, value);
    site.at_kernel_lock = locks.contains(key.kernel_stack);
    const auto [at, added] = sites.try_emplace(
        {key.thread, key.cls, key.syscall, key.object, key.user_stack, site.at_kernel_lock}, site);
    if (!added) Add(at->second, site);
  }
  for (auto& [place, site] : sites) Mutable(std::get<0>(place))->sites.push_back(std::move(site));
  for (const auto& [place, run] : runs) Mutable(std::get<0>(place))->runs.push_back(run);
  const SocketSides sides(*snapshot_);
  for (const auto& [key, thread] : threads_) {
    AdoptOpenParts(thread->sites);
    for (WaitSite& site : thread->sites) site.nature = NatureOf(*this, sides, site);
    SortByTime(thread->sites);
    SortByTime(thread->runs);
  }
}

void MachineView::AddCalls() {
  for (const auto& [key, window] : snapshot_->syscalls) {
    if (ThreadView* thread = Mutable(key.thread)) thread->calls[key.syscall] = &window;
  }
  for (const auto& [key, window] : snapshot_->loops) {
    if (ThreadView* thread = Mutable(key)) thread->loop = &window;
  }
  for (const auto& [key, window] : snapshot_->unread) {
    const auto at = processes_.find(key.pid);
    if (at != processes_.end()) at->second.requests_read += window.reads;
  }
}

const ProcessView* MachineView::Find(uint32_t pid) const {
  const auto at = processes_.find(pid);
  return at != processes_.end() ? &at->second : nullptr;
}

const ThreadView* MachineView::Find(const ThreadKey& key) const {
  const auto at = threads_.find(key);
  return at != threads_.end() ? at->second : nullptr;
}

std::string MachineView::CommOf(const ThreadKey& key) const {
  const auto thread = snapshot_->threads.find(key);
  if (thread != snapshot_->threads.end()) return thread->second.comm;
  const auto comm = snapshot_->comms.find(key);
  return comm != snapshot_->comms.end() ? comm->second : "";
}

const OpenWait* MachineView::OnlyWaitOf(const ThreadView& thread) const {
  const auto& wait = thread.window->open_wait;
  const bool whole = wait && static_cast<double>(wait->ns) >= kWholeWindow * WindowNs();
  return whole ? &*wait : nullptr;
}

std::vector<std::string> MachineView::Frames(StackId kernel_stack, StackId user_stack) const {
  std::vector<std::string> names;
  for (const StackId id : {kernel_stack, user_stack}) {
    const auto stack = snapshot_->stacks.find(id);
    if (id == 0 || stack == snapshot_->stacks.end()) continue;
    for (const Frame& frame : stack->second.frames) {
      const bool plumbing = (id == kernel_stack || frame.address == 0) && IsEntry(frame);
      if (!plumbing && names.size() < kMostFrames) names.push_back(NameOf(frame));
    }
  }
  return names;
}

bool MachineView::HasFrame(StackId stack, std::string_view prefix) const {
  const auto at = snapshot_->stacks.find(stack);
  const auto begins = [&](const Frame& frame) {
    const std::string_view symbol = frame.symbol;
    return symbol.starts_with(prefix) ||
           (symbol.starts_with('<') && symbol.substr(1).starts_with(prefix));
  };
  return at != snapshot_->stacks.end() && std::ranges::any_of(at->second.frames, begins);
}

const Frame* MachineView::LeafOf(StackId stack) const {
  const auto at = snapshot_->stacks.find(stack);
  const bool known = stack != 0 && at != snapshot_->stacks.end() && !at->second.frames.empty();
  return known ? &at->second.frames.front() : nullptr;
}

bool MachineView::HasModule(StackId stack, std::string_view prefix) const {
  const auto at = snapshot_->stacks.find(stack);
  return at != snapshot_->stacks.end() &&
         std::ranges::any_of(at->second.frames,
                             [&](const Frame& frame) { return frame.module.starts_with(prefix); });
}

}  // namespace waitscope
