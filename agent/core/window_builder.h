// The core: a pure fold from events to windows. No clock, no I/O; within a window the order of
// events does not matter.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "agent/core/devices.h"
#include "agent/core/event.h"
#include "agent/core/facts.h"
#include "agent/core/kernel_locks.h"
#include "agent/core/ledgers.h"
#include "agent/core/samples.h"
#include "agent/core/sides.h"
#include "agent/core/snapshot.h"
#include "agent/core/stack_table.h"
#include "agent/core/surroundings.h"
#include "agent/core/syscalls.h"
#include "agent/core/unread.h"

namespace waitscope {

// A closed window. Its stacks are still addresses: the symbols stage turns them into
// snapshot.stacks.
struct Window {
  Snapshot snapshot;
  std::vector<std::shared_ptr<const RawStack>> stacks;
  size_t table_bytes = 0;  // held for all stacks known, of this window or not
};

class WindowBuilder {
 public:
  static constexpr size_t kStackGeneration = 32768;

  explicit WindowBuilder(size_t stack_generation = kStackGeneration) : stacks_(stack_generation) {}

  // Returns a window when `event` is a tick, but for the first one: that opens the first window.
  std::optional<Window> Fold(const Event& event);

  // After a window closed: whether the source should deliver known stacks once more.
  bool TakeStackLapse() { return stacks_.TakeLapse(); }

  // Right after a tick: emits what another builder must fold, before a tick at this window's
  // begin, to see the same windows from here on. A recording begins with it.
  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  void FoldFact(std::monostate) {}
  void FoldFact(const tick_event&) {}
  void FoldFact(const frame_event&) {}  // for the symbolizer of a replayed log
  void FoldFact(const ledger_event& event) { ledgers_.Fold(event); }
  void FoldFact(const wait_event& event) { samples_.Fold(event); }
  void FoldFact(const oncpu_event& event) { samples_.Fold(event); }
  void FoldFact(const stack_event& event) { stacks_.Fold(event); }
  void FoldFact(const block_event& event) { devices_.Fold(event); }
  void FoldFact(const device_event& event) { devices_.Fold(event); }
  void FoldFact(const device_name_event& event) { devices_.Fold(event); }
  void FoldFact(const syscall_event& event) { syscalls_.Fold(event); }
  void FoldFact(const syscall_error_event& event) { syscalls_.Fold(event); }
  void FoldFact(const loop_event& event) { syscalls_.Fold(event); }
  void FoldFact(const unread_event& event) { unread_.Fold(event); }
  void FoldFact(const sides_event& event) { sides_.Fold(event); }
  void FoldFact(const kernel_lock_event& event) { kernel_locks_.Fold(event); }
  void FoldFact(const life_event& event) { facts_.Fold(event); }
  void FoldFact(const process_event& event) { facts_.Fold(event); }
  void FoldFact(const membership_event& event) { facts_.Fold(event); }
  void FoldFact(const host_event& event) { facts_.Fold(event); }
  void FoldFact(const loss_event& event) { facts_.Fold(event); }
  void FoldFact(const cost_event& event) { facts_.Fold(event); }
  void FoldFact(const pressure_event& event) { surroundings_.Fold(event); }
  void FoldFact(const cgroup_event& event) { surroundings_.Fold(event); }
  void FoldFact(const listener_event& event) { surroundings_.Fold(event); }
  void FoldFact(const lock_owner_event& event) { surroundings_.Fold(event); }

  Window Close(const tick_event& tick);

  LedgerStage ledgers_;
  SampleStage samples_;
  DeviceStage devices_;
  SyscallStage syscalls_;
  UnreadStage unread_;
  SidesStage sides_;
  KernelLockStage kernel_locks_;
  FactStage facts_;
  SurroundingsStage surroundings_;
  StackTable stacks_;
  std::optional<tick_event> opened_;  // the tick that opened the current window
  uint64_t sequence_ = 0;             // of the current window
};

}  // namespace waitscope
