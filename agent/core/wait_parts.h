// An off-CPU interval as the states it consists of: blocked, then runnable.
#pragma once

#include "absl/container/inlined_vector.h"
#include "agent/core/objects.h"
#include "agent/core/snapshot.h"

namespace waitscope {

struct WaitPart {
  SampleKey key;
  uint64_t begin_ns = 0;
  uint64_t end_ns = 0;
};

using WaitParts = absl::InlinedVector<WaitPart, 2>;

// How many waits like this one a chosen wait stands for: 1 / min(1, length / T).
double WeightOf(const wait_event& event);

// Without a seen wakeup all of it is blocked: the split is not guessed.
WaitParts PartsOf(const wait_event& event, ObjectInterner& objects);

// Of the wait a thread is in when its ledger is read; empty when it runs.
WaitParts OpenPartsOf(const ledger_event& record, ObjectInterner& objects);

}  // namespace waitscope
