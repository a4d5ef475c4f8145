// The running kernel as a source of events: drains the ring buffer on a timer, reads the totals at
// each tick, and is the one place that reads a clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "agent/core/source.h"
#include "agent/os/process_maps.h"
#include "agent/os/unique_fd.h"
#include "agent/python/namer.h"
#include "agent/source/bpf_session.h"
#include "agent/source/disk_check.h"
#include "agent/source/kernel_features.h"
#include "agent/source/live_options.h"
#include "agent/source/open_stacks.h"
#include "agent/source/proc_facts.h"
#include "agent/source/sampling_budget.h"
#include "agent/source/sides.h"
#include "agent/source/stack_generation.h"
#include "agent/source/surroundings.h"

namespace waitscope {

class LiveSource : public Source {
 public:
  // Loads the programs and begins to measure. Needs CAP_BPF and CAP_PERFMON, or root.
  static absl::StatusOr<std::unique_ptr<LiveSource>> Open(const LiveOptions& options);
  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;
  ~LiveSource() override;

  absl::StatusOr<bool> Poll(absl::FunctionRef<void(const Event&)> fold) override;
  void RequestTick() override;
  void DeliverStacksAgain() override { stacks_.Turn(); }
  absl::Status WantSyscalls(bool wanted) override;
  void WantKernelLocks(bool wanted) override;
  bool KernelLocksSettled() override;

  // Safe from any thread.
  std::vector<CapabilityReport> capabilities() const;
  std::vector<ProgramReport> programs() const;
  // What code a process has or, within ten seconds of its end, had mapped; empty when not known.
  std::vector<Mapping> MappingsOf(uint32_t pid) const;
  // The CPython that it runs, if its layout is known.
  std::optional<PythonLayout> PythonOf(uint32_t pid) const;
  // The HotSpot that it runs, once it is up.
  std::optional<HotSpotLayout> HotSpotOf(uint32_t pid) const;
  // What the kernel side kept of a function of a process that was young. From any thread.
  std::optional<CodeObject> PythonNameOf(CodeCache::Life life, uint64_t code) const;

 private:
  LiveSource(const LiveOptions& options, KernelFeatures features);

  absl::Status Start();
  void Introduce(absl::FunctionRef<void(const Event&)> fold) const;
  absl::Status Wait();
  absl::Status Drain(absl::FunctionRef<void(const Event&)> fold);
  void Accept(const Event& event, absl::FunctionRef<void(const Event&)> fold);
  void LookRound(absl::FunctionRef<void(const Event&)> fold);
  void KeepToBudget(uint64_t elapsed_ns);
  absl::Status ReadOpenStacks();
  absl::Status TellDevices(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold);
  absl::Status TellSides(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold);
  absl::Status Tick(absl::FunctionRef<void(const Event&)> fold);
  void TellCost(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold) const;

  LiveOptions options_;
  KernelFeatures features_;
  // Guards the session: the system-call programs come and go on callers' threads.
  mutable std::mutex mutex_;
  std::unique_ptr<BpfSession> session_;
  std::unique_ptr<ring_buffer, RingBufferFree> ring_;
  absl::FunctionRef<void(const Event&)>* draining_ = nullptr;  // for the ring's callback only
  ProcFacts facts_;
  Surroundings surroundings_;
  Sides sides_;
  uint64_t next_sides_ns_ = 0;
  DiskCheck disk_check_;
  uint64_t requests_missed_ = 0;
  OpenStacks open_stacks_;
  StackGeneration stacks_;    // of the thread that polls
  uint64_t undecodable_ = 0;  // records of the ring buffer
  UniqueFd wake_;             // eventfd: a tick is wanted
  UniqueFd epoll_;
  std::atomic<bool> tick_wanted_{false};
  bool introduced_ = false;
  SamplingBudget budget_;
  uint64_t told_ = 0;  // samples, since the budget was looked at
  uint64_t ring_full_ = 0;
  uint64_t looked_ns_ = 0;  // when that was
  uint64_t next_tick_ns_ = 0;
  uint32_t epoch_ = 0;
};

}  // namespace waitscope
