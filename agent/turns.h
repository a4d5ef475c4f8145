// Lets a few do at a time what takes much memory; the others wait for their turn.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace waitscope {

class Turns {
 public:
  Turns(int at_once, int max_waiting) : at_once_(at_once), max_waiting_(max_waiting) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  ~Turns() = default;

  // A turn, which ends with the last copy of what is returned. ResourceExhausted when too many
  // wait already; Cancelled soon after `give_up` says so.
  absl::StatusOr<std::shared_ptr<void>> Take(absl::FunctionRef<bool()> give_up);

 private:
  void End();

  const int at_once_;
  const int max_waiting_;
  std::mutex mutex_;
  std::condition_variable ended_;
  int taken_ = 0;
  int waiting_ = 0;
};

}  // namespace waitscope
