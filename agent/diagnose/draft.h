// How rules write findings down.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/diagnose/finding.h"
#include "agent/diagnose/machine.h"

namespace waitscope {

// `culprit` tells conditions of one process and name apart: a lock's word, a device, a peer.
Finding Draft(const MachineView& machine, const ProcessView& process, std::string condition,
              std::string_view culprit = "");

Evidence StackEvidence(const MachineView& machine, const WaitSite& site);
Evidence StackEvidence(const MachineView& machine, const RunSite& run);
// The stack of one site, with the time of all that are like it.
Evidence StackEvidence(const MachineView& machine, const WaitSite& site, double total_ns,
                       double count);

void NameThreads(Finding& finding, std::span<const ThreadView* const> threads);

// "/proc/PID/task/TID/syscall", where the kernel shows what the thread is in.
Evidence LookAt(const ThreadKey& thread);

// "python3 (pid 4711)".
std::string NameOf(const ProcessView& process);

}  // namespace waitscope
