#include "agent/core/refine.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

namespace waitscope {
namespace {

constexpr uint32_t Bit(wait_class cls) { return 1U << cls; }

// Classes the stack may correct: kernel threads and calls without a row of their own are `other`;
// a file system's commit counts as disk when the journal sleeps with in_iowait.
constexpr uint32_t kVague = Bit(WAIT_other);
constexpr uint32_t kVagueOrDisk = Bit(WAIT_other) | Bit(WAIT_disk);

struct ClassRule {
  std::string_view symbol_prefix;
  wait_class cls;
  uint32_t corrects;
};

// The first frame from the leaf that matches decides.
constexpr std::array kClassRules{
    ClassRule{"jbd2_log_wait_commit", WAIT_commit, kVagueOrDisk},
    ClassRule{"xfs_log_force", WAIT_commit, kVagueOrDisk},
    ClassRule{"btrfs_sync_log", WAIT_commit, kVagueOrDisk},
    ClassRule{"filemap_fault", WAIT_fault, kVague},
    ClassRule{"balance_dirty_pages", WAIT_disk, kVague},
    ClassRule{"io_schedule", WAIT_disk, kVague},
    ClassRule{"try_to_free_pages", WAIT_reclaim, kVagueOrDisk},
    ClassRule{"futex_wait", WAIT_lock, kVague},
    ClassRule{"rwsem_down_", WAIT_lock, kVague},
    ClassRule{"__mutex_lock", WAIT_lock, kVague},
    ClassRule{"__down", WAIT_lock, kVague},
    ClassRule{"do_nanosleep", WAIT_sleep, kVague},
    ClassRule{"ep_poll", WAIT_poll, kVague},
    ClassRule{"do_sys_poll", WAIT_poll, kVague},
    ClassRule{"do_select", WAIT_poll, kVague},
    ClassRule{"inet_csk_accept", WAIT_poll, kVague},
    ClassRule{"sk_wait_data", WAIT_network, kVague},
    ClassRule{"sk_stream_wait_memory", WAIT_network, kVague},
    ClassRule{"tcp_recvmsg", WAIT_network, kVague},
    ClassRule{"unix_stream_read_generic", WAIT_network, kVague},
    ClassRule{"__skb_wait_for_more_packets", WAIT_network, kVague},
    ClassRule{"pipe_read", WAIT_pipe, kVague},
    ClassRule{"pipe_write", WAIT_pipe, kVague},
    ClassRule{"anon_pipe_read", WAIT_pipe, kVague},   // v6.15 renamed pipe_read
    ClassRule{"anon_pipe_write", WAIT_pipe, kVague},  // v6.15
    ClassRule{"n_tty_read", WAIT_pipe, kVague},
    ClassRule{"do_wait", WAIT_child, kVague},
};

struct ContextRule {
  std::string_view symbol_prefix;
  waker_context context;
};

// The frame nearest to the waking decides: a softirq on the way out of a hard interrupt is soft. A
// page fault is the thread's own doing, but enters the kernel as an interrupt does.
constexpr std::array kContextRules{
    ContextRule{"__do_softirq", WAKER_softirq},
    ContextRule{"handle_softirqs", WAKER_softirq},  // v6.11 split it from __do_softirq
    ContextRule{"run_ksoftirqd", WAKER_softirq},
    ContextRule{"net_rx_action", WAKER_softirq},
    ContextRule{"exc_page_fault", WAKER_task},
    ContextRule{"asm_exc_page_fault", WAKER_task},
    ContextRule{"exc_nmi", WAKER_nmi},
    ContextRule{"asm_exc_nmi", WAKER_nmi},
    ContextRule{"handle_irq_event", WAKER_hardirq},
    ContextRule{"__common_interrupt", WAKER_hardirq},
    ContextRule{"common_interrupt", WAKER_hardirq},
    ContextRule{"asm_common_interrupt", WAKER_hardirq},
    ContextRule{"__sysvec_", WAKER_hardirq},
    ContextRule{"sysvec_", WAKER_hardirq},
    ContextRule{"asm_sysvec_", WAKER_hardirq},
};

// Entries from an interrupt and threads that serve softirqs for everybody.
constexpr std::array<std::string_view, 8> kForeignEntries{
    "common_interrupt", "asm_common_interrupt", "sysvec_",  "asm_sysvec_",
    "irq_exit_rcu",     "__irq_exit_rcu",       "asm_exc_", "run_ksoftirqd"};

// Between a tracepoint and the stack walk, on kernels 5.10 to 7.3.
constexpr std::array<std::string_view, 7> kProbeFrames{
    "bpf_prog_",     "bpf_trace_run",   "__bpf_trace_",  "__traceiter_",
    "bpf_get_stack", "__bpf_get_stack", "__bpf_prog_run"};

bool IsProbeFrame(const Frame& frame) {
  return frame.module == "[bpf]" || std::ranges::any_of(kProbeFrames, [&](std::string_view prefix) {
           return frame.symbol.starts_with(prefix);
         });
}

bool HasFrame(const Stack& stack, std::string_view prefix) {
  return std::ranges::any_of(stack.frames,
                             [&](const Frame& frame) { return frame.symbol.starts_with(prefix); });
}

template <typename Rules>
const typename Rules::value_type* FirstMatch(const Rules& rules, const Stack& stack) {
  for (const Frame& frame : stack.frames) {
    const auto rule = std::ranges::find_if(rules, [&](const auto& candidate) {
      return frame.symbol.starts_with(candidate.symbol_prefix);
    });
    if (rule != rules.end()) return &*rule;
  }
  return nullptr;
}

// What one stack says, whether a thread waits there or an interrupt wakes from there.
struct Reading {
  const ClassRule* wait = nullptr;
  const ContextRule* waker = nullptr;
  bool own_call = false;
};

Reading Read(const Stack& stack) {
  return {.wait = FirstMatch(kClassRules, stack),
          .waker = FirstMatch(kContextRules, stack),
          .own_call = RanInOwnCall(stack)};
}

// Many samples share a stack: each is read once.
class Readings {
 public:
  explicit Readings(const Snapshot& snapshot) {
    for (const auto& [id, stack] : snapshot.stacks) readings_.emplace(id, Read(stack));
  }

  const Reading& Of(StackId id) const {
    static constexpr Reading kUnknown;
    const auto at = readings_.find(id);
    return at != readings_.end() ? at->second : kUnknown;
  }

 private:
  std::unordered_map<StackId, Reading> readings_;
};

wait_class Refined(wait_class cls, const ClassRule* rule) {
  return rule != nullptr && (rule->corrects & Bit(cls)) != 0 ? rule->cls : cls;
}

waker_context Refined(waker_context context, const ContextRule* rule) {
  return context == WAKER_interrupt && rule != nullptr ? rule->context : context;
}

SampleKey Refined(const Readings& readings, SampleKey key) {
  if (key.state != SampleState::kBlocked) return key;
  key.cls = Refined(key.cls, readings.Of(key.kernel_stack).wait);
  if (key.context == WAKER_none || key.context == WAKER_task) return key;
  const Reading& waker = readings.Of(key.waker_kernel_stack);
  key.context = Refined(key.context, waker.waker);
  if (key.context == WAKER_task) return key;
  if (key.context == WAKER_softirq && waker.own_call) return key;
  key.waker = {};
  key.waker_user_stack = 0;
  return key;
}

}  // namespace

wait_class RefineClass(wait_class cls, const Stack& kernel_stack) {
  return Refined(cls, FirstMatch(kClassRules, kernel_stack));
}

waker_context RefineContext(waker_context context, const Stack& waker_kernel_stack) {
  return Refined(context, FirstMatch(kContextRules, waker_kernel_stack));
}

bool RanInOwnCall(const Stack& waker_kernel_stack) {
  const bool in_call = HasFrame(waker_kernel_stack, "do_syscall_64") ||
                       HasFrame(waker_kernel_stack, "el0_svc");  // arm64
  return in_call && std::ranges::none_of(kForeignEntries, [&](std::string_view entry) {
           return HasFrame(waker_kernel_stack, entry);
         });
}

void TrimProbeFrames(Stack& kernel_stack) {
  const auto first = std::ranges::find_if_not(kernel_stack.frames, IsProbeFrame);
  kernel_stack.frames.erase(kernel_stack.frames.begin(), first);
}

void Refine(Snapshot& snapshot) {
  const Readings readings(snapshot);
  std::vector<std::pair<SampleKey, SampleValue>> changed;
  for (auto row = snapshot.samples.begin(); row != snapshot.samples.end();) {
    const SampleKey key = Refined(readings, row->first);
    if (key == row->first) {
      ++row;
      continue;
    }
    changed.emplace_back(key, row->second);
    row = snapshot.samples.erase(row);
  }
  for (const auto& [key, value] : changed) snapshot.samples[key] += value;
}

}  // namespace waitscope
