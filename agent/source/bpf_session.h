// All of waitscope's programs in the kernel: which objects exist, which are loaded, what their maps
// say. The only owner of maps and links; when it goes, the kernel forgets everything.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/core/event.h"
#include "agent/python/namer.h"
#include "agent/source/bpf_object.h"
#include "agent/source/kernel_features.h"
#include "agent/source/kernel_lock_watch.h"
#include "agent/source/live_options.h"
#include "agent/source/unread_requests.h"
#include "agent/source/unwind_service.h"
#include "bpf/totals.h"

namespace waitscope {

class BpfSession {
 public:
  // Loads and attaches everything that is always on.
  static absl::StatusOr<std::unique_ptr<BpfSession>> Open(const LiveOptions& options,
                                                          const KernelFeatures& features);
  ~BpfSession();
  BpfSession(const BpfSession&) = delete;
  BpfSession& operator=(const BpfSession&) = delete;

  int ring_fd() const { return Map("events"); }
  int Map(std::string_view name) const;  // -1 when there is no such map

  // Every thread's ledger as it is now, seeding those without one. Records are ledger_event.
  absl::Status ReadLedgers(absl::FunctionRef<void(const ledger_event&)> each) const;
  // The threads of user programs that have waited long, with their registers; none where user
  // stacks are not unwound.
  absl::StatusOr<std::vector<waiting_thread>> ReadWaiting() const;
  // All open sockets and epoll instances; none where they cannot be listed.
  absl::StatusOr<std::vector<socket_row>> ReadSockets() const;

  // Tells the kernel side that a window begins.
  void BeginWindow(uint32_t epoch, uint32_t generation);
  // T from now on.
  void SetPeriod(uint64_t period_ns);

  // Finishes stacks and follows mappings; null when user stacks are walked by frame pointers.
  UnwindService* unwinding() const { return unwinding_.get(); }

  // True when other CPUs are online than at the last call, or at Open: they are sampled and
  // followed from now on.
  bool FollowCpus(const CpuSet& online);

  // The programs of system calls and unread requests: loaded and attached, or detached and
  // unloaded.
  absl::Status SetOnDemand(bool wanted);
  // What watches locks of the kernel, where it has the tracepoints: begins to load and attach, or
  // detaches and unloads. To be followed now and then.
  void SetKernelLocks(bool wanted);
  void FollowKernelLocks();
  KernelLockWatch& kernel_locks() { return kernel_locks_; }
  // Locks by name are worth having, not worth failing for: an error ends the watching for a while.
  void ReadKernelLocks(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold);
  // Connections with something unread; none while those programs are not loaded.
  absl::StatusOr<std::vector<unread_now>> ReadUnread() const;

  // What the kernel side kept of a code object of a young process. From any thread.
  std::optional<CodeObject> PythonNameOf(CodeCache::Life life, uint64_t code) const;

  std::vector<ProgramReport> Programs() const;
  // What could not be had although the kernel seemed to offer it, as sentences.
  std::vector<std::string> Shortfalls() const;

 private:
  BpfSession(const LiveOptions& options, const KernelFeatures& features);

  ObjectSpec Spec(std::string_view name) const;
  absl::StatusOr<BpfObject*> Load(std::string_view name);
  absl::StatusOr<BpfObject*> LoadOnDemand(std::string_view name);
  void UnloadOnDemand();
  KernelLockWatch::Load KernelLocksLoader() const;
  absl::Status WatchUnread();
  void GiveUpUnread(const absl::Status& why);
  absl::Status LoadAlwaysOn();
  absl::Status AttachAlwaysOn();
  void FollowMappings();
  absl::Status LoadSampler();
  void SampleCpus();
  absl::Status ListSockets();
  void WriteControl() const;
  void StartUnwinding();

  LiveOptions options_;
  KernelFeatures features_;
  SharedMaps maps_;
  std::vector<std::pair<std::string, std::unique_ptr<BpfObject>>> objects_;
  BpfObject* sampler_ = nullptr;  // of what the CPUs run; null when nobody wants or gives it
  std::vector<std::unique_ptr<BpfObject>> on_demand_;
  KernelLockWatch kernel_locks_;
  CpuSet cpus_;
  std::optional<MappingStream> mappings_;  // from before loading until unwinding starts
  std::unique_ptr<UnwindService> unwinding_;
  probe_control control_{};
  int python_names_ = -1;  // known from the start: other threads must not look through maps_
  BpfLinkPtr ledgers_;
  BpfLinkPtr sockets_;                    // null where sockets cannot be listed
  BpfLinkPtr waiting_;                    // null where user stacks are not unwound
  std::optional<UnreadRequests> unread_;  // while they are watched
  std::vector<std::string> shortfalls_;
};

}  // namespace waitscope
