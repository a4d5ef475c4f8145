// A snapshot arranged for reading: processes, their threads, and what each thread waited for.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/core/snapshot.h"

namespace waitscope {

// What a wait is about, as far as wait class, system call, object and stack tell.
enum class Nature : uint8_t {
  kPoll,      // for any event
  kClient,    // for the next request of somebody connected to us: idle
  kBackend,   // for the answer of somebody we are connected to
  kNews,      // for what somebody we are connected to sends unasked: idle
  kSocket,    // on a socket whose side is not known
  kSleep,     // for time to pass
  kMutex,     // for a lock that a thread holds
  kMonitor,   // for an object's monitor in Java: each thread waits at a word of its own
  kLock,      // for a lock of java.util.concurrent: so, too
  kPark,      // on a futex that may be a queue, a condition, or a lock
  kFileLock,  // for flock, fcntl or a semaphore
  kDisk,
  kCommit,
  kFault,
  kReclaim,
  kDirty,  // held back because too much is unwritten
  kPipe,
  kChild,
  kOther,
  kKernelLock,  // of the kernel's own, in whatever call it was met
  kReader,      // for somebody connected to us to read what we send
};

// All waits of one thread at one place for one thing.
struct WaitSite {
  Nature nature = Nature::kOther;
  wait_class cls = WAIT_other;
  int32_t syscall = -1;
  const wait_object* object = nullptr;  // null: none known
  StackId kernel_stack = 0;
  StackId user_stack = 0;
  double ns = 0;
  double count = 0;  // that ended
  uint64_t longest_ns = 0;
  uint64_t device_ns = 0;  // of the requests that ended these waits
  uint64_t queue_ns = 0;
  uint32_t device = 0;
  bool open = false;                     // one had not ended when the window closed
  bool at_kernel_lock = false;           // by its kernel stack
  std::map<ThreadKey, double> wakers{};  // threads only, with how many waits each ended

  double MeanNs() const { return count > 0 ? ns / count : ns; }
  // How many of these waits those threads ended.
  double EndedBy(const std::set<ThreadKey>& threads) const;
};

struct RunSite {
  StackId kernel_stack = 0;
  StackId user_stack = 0;
  double ns = 0;
  double count = 0;
};

struct ThreadView {
  const ThreadWindow* window = nullptr;
  std::vector<WaitSite> sites;  // most time first
  std::vector<RunSite> runs;    // most time first
  const LoopWindow* loop = nullptr;
  std::map<int32_t, const SyscallWindow*> calls;  // empty: not measured

  const ThreadKey& key() const { return window->key; }
  const StateTotals& totals() const { return window->totals; }
  double WallNs() const { return static_cast<double>(window->totals.wall_ns); }
  double NsOf(Nature nature) const;
  double CountOf(Nature nature) const;
  double ShareOf(Nature nature) const;
  uint64_t Calls(std::initializer_list<int32_t> numbers) const;  // that succeeded
  // Both are for files and pipes, too: who does only one of them has no connection.
  uint64_t ReadsWithWrites() const;
};

struct ProcessView {
  uint32_t pid = 0;
  std::string comm;
  const ProcessFacts* facts = nullptr;
  bool kernel = false;
  std::vector<ThreadView> threads;
  uint64_t requests_read = 0;  // over TCP, where that is measured

  const ThreadView* Find(uint32_t tid) const;
  bool IsNamedLike(std::string_view part) const;  // in its name or its command's first word
  StateTotals Totals() const;
};

class MachineView {
 public:
  explicit MachineView(const Snapshot& snapshot);

  const Snapshot& snapshot() const { return *snapshot_; }
  double WindowNs() const;
  double Seconds() const { return WindowNs() / 1e9; }
  double Cpus() const;
  // User processes, in order of pid.
  const std::map<uint32_t, ProcessView>& processes() const { return processes_; }
  const ProcessView* Find(uint32_t pid) const;
  const ThreadView* Find(const ThreadKey& key) const;
  std::string CommOf(const ThreadKey& key) const;
  // The wait that a thread has been in for the whole window, 95 % of it at least; null: it moved.
  const OpenWait* OnlyWaitOf(const ThreadView& thread) const;

  // Leaf first: the kernel's part without its entry, then the user's.
  std::vector<std::string> Frames(StackId kernel_stack, StackId user_stack) const;
  // A symbol that begins so; "<T>::function", as Rust has it, begins as T does.
  bool HasFrame(StackId stack, std::string_view prefix) const;
  // The user's innermost frame, or null.
  const Frame* LeafOf(StackId stack) const;
  bool HasModule(StackId stack, std::string_view prefix) const;

 private:
  void AddThreads();
  void AddSamples();
  void AddCalls();
  ThreadView* Mutable(const ThreadKey& key);

  const Snapshot* snapshot_;
  std::map<uint32_t, ProcessView> processes_;
  std::map<ThreadKey, ThreadView*> threads_;
};

}  // namespace waitscope
