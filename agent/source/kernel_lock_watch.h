// The programs that watch locks of the kernel: loaded on a thread beside the one that closes
// windows, and tried again when the kernel refuses them.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/core/event.h"
#include "agent/os/unique_fd.h"
#include "agent/source/bpf_object.h"
#include "agent/source/retry_pause.h"
#include "bpf/totals.h"

namespace waitscope {

// For one thread at a time.
class KernelLockWatch {
 public:
  struct Programs {
    std::unique_ptr<BpfObject> object;
    UniqueFd waits;  // the map of totals
  };
  // Loads and attaches; on a thread of its own.
  using Load = std::function<absl::StatusOr<Programs>()>;

  // `prepare` is called for each attempt, on the caller's thread.
  explicit KernelLockWatch(std::function<Load()> prepare) : prepare_(std::move(prepare)) {}

  void Want(bool wanted, uint64_t now_ns);
  // Takes what was loaded meanwhile, and tries again what has failed when its pause is over. Call
  // now and then.
  void Follow(uint64_t now_ns);

  bool loading() const { return loading_.valid(); }
  // Whether they are wanted and attached.
  bool watching() const { return programs_.has_value(); }
  // Why they are not there although they were wanted; empty: no reason is known.
  std::string WhyNot() const;
  std::vector<ProgramReport> Reports() const;

  // The totals of every process, lock and owner; nothing while nobody watches.
  absl::Status Read(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold);
  // Lets go of the programs after an error; they are loaded again after a pause.
  void GiveUp(const absl::Status& why, uint64_t now_ns);

 private:
  void TakeLoaded(uint64_t now_ns);
  std::function<Load()> prepare_;
  bool wanted_ = false;
  std::optional<Programs> programs_;
  std::future<absl::StatusOr<Programs>> loading_;  // its destructor waits
  absl::Status failure_;                           // of the last attempt
  RetryPause pause_;
  uint16_t generation_ = 0;  // of the totals
  bool crowded_ = false;     // the map was half full when last read
};

}  // namespace waitscope
