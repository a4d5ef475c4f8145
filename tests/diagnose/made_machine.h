// Snapshots of made-up machines, eight seconds long.
#pragma once

// The numbers of system calls come with it.
#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/snapshot.h"
#include "agent/diagnose/finding.h"
#include "bpf/wait_class.h"

namespace waitscope {

inline constexpr uint64_t kMillisecond = 1'000'000;
inline constexpr uint64_t kSecond = 1'000'000'000;
inline constexpr uint64_t kWindow = 8 * kSecond;

wait_object Futex(uint64_t word, uint32_t op);
wait_object Connection(uint16_t local_port, uint16_t peer_port);
wait_object FileNamed(const std::string& name);

inline constexpr uint32_t kMutexOp = 128;        // FUTEX_WAIT | PRIVATE
inline constexpr uint32_t kConditionOp = 0x189;  // FUTEX_WAIT_BITSET | PRIVATE | CLOCK_REALTIME
inline constexpr uint32_t kTimedOp = 0x89;

// What a made-up thread waited for.
struct MadeWait {
  wait_class cls = WAIT_other;
  int32_t syscall = -1;
  uint64_t ns = 0;  // in all
  double count = 0;
  uint64_t longest_ns = 0;  // 0: the mean
  wait_object object{};
  ThreadKey waker{};
  std::vector<std::string> kernel_frames{};
  std::vector<std::string> user_frames{};
  uint32_t device = 0;
};

class MadeMachine {
 public:
  MadeMachine();

  ThreadKey AddThread(uint32_t pid, uint32_t tid, const std::string& comm);
  void AddWait(const ThreadKey& thread, const MadeWait& wait);
  void AddRunning(const ThreadKey& thread, uint64_t ns,
                  const std::vector<std::string>& user_frames = {});
  void AddRunnable(const ThreadKey& thread, uint64_t ns, uint64_t turn_ns);
  void AddCalls(const ThreadKey& thread, int32_t syscall, uint64_t count, uint64_t ns_each = 1000);
  void AddLoop(const ThreadKey& thread, uint64_t gap_ns, uint64_t gaps);
  void AddDevice(uint32_t dev, const std::string& name, uint64_t requests, uint64_t device_ns_each,
                 uint64_t queue_ns_each);

  StackId Stack(const std::vector<std::string>& frames);
  Snapshot& snapshot() { return snapshot_; }
  Findings Diagnosed() const;
  // The conditions told, in order.
  std::vector<std::string> Conditions() const;

 private:
  Snapshot snapshot_;
};

}  // namespace waitscope
