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

// `check` sees each disk's totals first, and may correct them.
absl::Status ReadDevices(const BpfSession& session, uint64_t now_ns,
                         absl::FunctionRef<void(device_event&)> check, Fold fold);

absl::Status ReadSyscalls(const BpfSession& session, Fold fold);

// With what is unread now, at its age so far.
absl::Status ReadUnread(const BpfSession& session, uint64_t now_ns, Fold fold);

// Of one kind, since the agent started, as far as the programs count it.
uint64_t CountLost(const BpfSession& session, uint32_t reason);

// All loss counters, with the calls the kernel itself skipped and the records of the ring buffer
// that could not be decoded.
void ReadLosses(const BpfSession& session, uint64_t undecodable, Fold fold);

}  // namespace waitscope
