#include "agent/views/locks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "agent/diagnose/pools.h"

namespace waitscope {
namespace {

constexpr size_t kMostSites = 3;
constexpr double kWorthMentionNs = 1e7;  // everybody waits for a lock of the kernel in passing

LockKind KindOf(const Lock& lock) {
  if (lock.kernel) return LockKind::kKernel;
  if (lock.interpreter) return LockKind::kInterpreter;
  if (lock.monitor || lock.concurrent) return LockKind::kMutex;
  if (lock.word == 0) return LockKind::kFileLock;
  if (lock.mutex) return LockKind::kMutex;
  return IsHandedOn(lock) ? LockKind::kHandedOn : LockKind::kPark;
}

std::string RowName(const Lock& lock) {
  if (lock.kernel) return NameOf(*lock.kernel);
  if (lock.monitor) return "a Java monitor";
  if (lock.concurrent) return "a Java lock";
  return lock.word == 0 ? lock.file : absl::StrFormat("0x%x", lock.word);
}

// Of all its words: a lock that is more than one has its waits at each.
Histogram WaitsFor(const MachineView& machine, const LockRow& row) {
  Histogram all;
  wait_object object{};
  object.kind = OBJECT_futex;
  WaitSite site{.cls = WAIT_lock, .object = &object};
  const auto& waits = machine.snapshot().lock_waits;
  for (auto at = waits.lower_bound({row.process->pid, 0});
       at != waits.end() && at->first.pid == row.process->pid; ++at) {
    object.id = at->first.word;
    if (row.lock.word != 0 && IsFor(machine, row.lock, site)) all.Merge(at->second);
  }
  return all;
}

std::vector<const ThreadView*> LongestFirst(const Lock& lock) {
  std::vector<const ThreadView*> threads;
  for (const auto& [thread, ns] : lock.waiters) threads.push_back(thread);
  std::ranges::sort(threads, [&](const ThreadView* a, const ThreadView* b) {
    const double a_ns = lock.waiters.at(a);
    const double b_ns = lock.waiters.at(b);
    return a_ns != b_ns ? a_ns > b_ns : a->key() < b->key();
  });
  return threads;
}

// Words to park at have no holder: whoever wakes a consumer is a producer.
void FindHolder(const MachineView& machine, LockRow& row) {
  if (row.kind == LockKind::kPark) return;
  row.holder = HolderOf(*row.process, row.lock);
  const ThreadView* thread = row.holder.thread;
  if (thread == nullptr) return;
  const auto own = row.lock.waiters.find(thread);
  const double own_ns = own != row.lock.waiters.end() ? own->second : 0;
  row.held_at_most_ns = std::max(0.0, thread->WallNs() - own_ns);
  for (const WaitSite& site : thread->sites) {
    if (PlaceOf(site.nature) == Place::kHome || IsFor(machine, row.lock, site)) continue;
    if (row.holder_waits.size() < kMostSites) row.holder_waits.push_back(AsSum(site));
  }
}

LockRow RowOf(const MachineView& machine, const ProcessView& process, Lock lock) {
  LockRow row;
  row.process = &process;
  row.kind = KindOf(lock);
  row.name = RowName(lock);
  row.lock = std::move(lock);
  row.waits = WaitsFor(machine, row);
  row.waiters = LongestFirst(row.lock);
  FindHolder(machine, row);
  return row;
}

// One thread that parks alone is idle. So is one that waits alone in a mutex's way while nobody
// holds the word or ends its waits: some runtimes park like that.
bool IsWorthTelling(const Lock& lock) {
  if (lock.kernel) return lock.waiters.size() >= 2 || lock.wait_ns >= kWorthMentionNs;
  const bool contended = lock.mutex && (lock.woken || !lock.owners.empty());
  return lock.waiters.size() >= 2 || contended || lock.word == 0;
}

bool IsBefore(const LockRow& a, const LockRow& b) {
  const bool a_parks = a.kind == LockKind::kPark;
  const bool b_parks = b.kind == LockKind::kPark;
  return a_parks != b_parks ? b_parks : a.lock.wait_ns > b.lock.wait_ns;
}

}  // namespace

std::string_view LockKindWord(LockKind kind) {
  constexpr std::string_view kWords[] = {"mutex",     "interpreter", "handed-on",
                                         "file-lock", "park",        "kernel"};
  return kWords[static_cast<size_t>(kind)];
}

bool KnowsKernelOwners(const MachineView& machine, const std::vector<LockRow>& rows) {
  return !machine.snapshot().kernel_locks.empty() ||
         std::ranges::none_of(rows, [](const LockRow& row) { return row.lock.kernel.has_value(); });
}

std::vector<LockRow> LockRows(const MachineView& machine, const IsAskedFor& is_asked_for) {
  std::vector<LockRow> rows;
  for (const auto& [pid, process] : machine.processes()) {
    if (!is_asked_for(process)) continue;
    for (Lock& lock : WaitedForIn(machine, process)) {
      if (IsWorthTelling(lock)) rows.push_back(RowOf(machine, process, std::move(lock)));
    }
  }
  std::ranges::stable_sort(rows, IsBefore);
  return rows;
}

}  // namespace waitscope
