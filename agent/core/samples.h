// Where time went, by stack, waker and object: estimates from the chosen waits and CPU samples.
//
// Attribution: a wait shorter than T belongs whole to the window it ends in. A wait at least T
// old when its thread's ledger is read is listed as open, up to that reading; when it ends, only
// what no earlier window has listed is added. So the windows of a wait sum to its length exactly.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/ledgers.h"
#include "agent/core/objects.h"
#include "agent/core/snapshot.h"
#include "agent/core/wait_parts.h"

namespace waitscope {

class SampleStage {
 public:
  void Fold(const wait_event& event);
  void Fold(const oncpu_event& event);

  // `ledgers` not yet closed: they list the waits still open. Waits that ended after `tick_ns`
  // are kept for the next window.
  void Close(uint64_t tick_ns, const LedgerStage& ledgers, Snapshot& snapshot);

  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  // Of one thread's wait: what closed windows have listed as open.
  struct Listed {
    uint64_t since_ns = 0;
    uint64_t until_ns = 0;
  };
  struct Rows {
    std::map<SampleKey, SampleValue> values;
    ObjectInterner objects;
    std::map<LockWordKey, Histogram> lock_waits;
    std::vector<Unpark> unparks;
    std::map<ThreadKey, std::string> comms;
    std::map<ThreadKey, uint64_t> last_on_ns;  // end of the thread's newest wait
    std::optional<uint64_t> period_ns;
  };

  void FoldPending(uint64_t up_to_ns);
  void FoldClosed(const wait_event& event);
  void CountLockWait(const wait_event& event, const WaitPart& part, double weight);
  void KeepUnpark(const wait_event& event);
  void FoldOpen(const ledger_event& record);
  bool IsWorthListing(const ledger_event& record) const;
  uint64_t NewFromNs(const ThreadKey& thread, uint64_t begin_ns, uint64_t end_ns) const;
  void Name(const ThreadKey& thread, std::string_view comm);

  Rows rows_;
  std::map<ThreadKey, Listed> listed_;
  std::optional<uint64_t> period_ns_;  // newest known T

  // Nobody knows yet whether the newest waits end before or after the next tick.
  std::vector<wait_event> pending_;
  uint64_t newest_ns_ = 0;
  size_t sweep_at_ = 0;
};

}  // namespace waitscope
