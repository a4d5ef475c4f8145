// The monotone totals that the programs keep in maps, as events.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "agent/core/event.h"
#include "agent/source/bpf_session.h"

namespace waitscope {

using Fold = absl::FunctionRef<void(const Event&)>;

// Final ledgers of threads that died since the last call. Call often: the mailbox holds 4096.
absl::Status ReadDead(const BpfSession& session, Fold fold);

// `device_named` is called for each disk before its totals.
absl::Status ReadDevices(const BpfSession& session, uint64_t now_ns,
                         absl::FunctionRef<void(uint32_t dev)> device_named, Fold fold);

absl::Status ReadSyscalls(const BpfSession& session, Fold fold);

// All loss counters, with the calls the kernel itself skipped and the records of the ring buffer
// that could not be decoded.
void ReadLosses(const BpfSession& session, uint64_t undecodable, Fold fold);

}  // namespace waitscope
