#include "agent/turns.h"

#include <chrono>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

// How soon a wait notices that it is to be given up.
constexpr std::chrono::milliseconds kPatience(50);

}  // namespace

absl::StatusOr<std::shared_ptr<void>> Turns::Take(absl::FunctionRef<bool()> give_up) {
  std::unique_lock lock(mutex_);
  if (taken_ >= at_once_ && waiting_ >= max_waiting_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("this agent merges the history for ", at_once_, " questions at a time, and ",
                     waiting_, " wait already; ask again later, or for a shorter time"));
  }
  ++waiting_;
  while (taken_ >= at_once_ && !give_up()) ended_.wait_for(lock, kPatience);
  --waiting_;
  if (taken_ >= at_once_) {
    return absl::CancelledError("given up while other questions were merging the history");
  }
  ++taken_;
  return std::shared_ptr<void>(this, [](Turns* turns) { turns->End(); });
}

void Turns::End() {
  {
    const std::lock_guard lock(mutex_);
    --taken_;
  }
  ended_.notify_one();
}

}  // namespace waitscope
