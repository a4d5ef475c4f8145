// How rules write findings down.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "agent/diagnose/finding.h"
#include "agent/diagnose/machine.h"

namespace waitscope {

// `culprit` tells conditions of one process and name apart: a lock's word, a device, a peer.
Finding Draft(const MachineView& machine, const ProcessView& process, std::string condition,
              std::string_view culprit = "");

// Of a starved pool, by any of its threads: several rules may tell it, each from its own proof, and
// have one id for that; of those the surest is shown (fold.h).
Finding DraftStarvedPool(const MachineView& machine, const ProcessView& process,
                         const ThreadView& member);

Evidence StackEvidence(const MachineView& machine, const WaitSite& site);
Evidence StackEvidence(const MachineView& machine, const RunSite& run);
Evidence StackEvidence(const MachineView& machine, const OpenWait& wait);
// The stack of one site, with the time of all that are like it.
Evidence StackEvidence(const MachineView& machine, const WaitSite& site, double total_ns,
                       double count);

// Who holds a lock, and the stack where it spent most of its time meanwhile: running, or in a wait
// that is neither idle nor one of those to leave out.
void AddLockHolder(const MachineView& machine, const ThreadView& holder,
                   absl::FunctionRef<bool(const WaitSite&)> leave_out, Finding& finding);

void NameThreads(Finding& finding, std::span<const ThreadView* const> threads);

// "/proc/PID/task/TID/syscall", where the kernel shows what the thread is in.
Evidence LookAt(const ThreadKey& thread);

// "python3 (pid 4711)".
std::string NameOf(const ProcessView& process);

}  // namespace waitscope
