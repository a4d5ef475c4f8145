// Every rule: a pure function from a machine's view to findings, one file each in rules/.
#pragma once

#include "agent/diagnose/finding.h"
#include "agent/diagnose/machine.h"

namespace waitscope {

using Rule = Findings (*)(const MachineView& machine);

Findings BackendWait(const MachineView& machine);
Findings BlockingSleep(const MachineView& machine);
Findings ConnectionPoolExhaustion(const MachineView& machine);
Findings CpuSaturation(const MachineView& machine);
Findings CpuThrottling(const MachineView& machine);
Findings DatabaseLock(const MachineView& machine);
Findings DirtyThrottling(const MachineView& machine);
Findings DiskTrouble(const MachineView& machine);
Findings EventLoopBlocked(const MachineView& machine);
Findings ForkStall(const MachineView& machine);
Findings FsyncStall(const MachineView& machine);
Findings HungServer(const MachineView& machine);
Findings HungThreads(const MachineView& machine);
Findings LockContention(const MachineView& machine);
Findings LockHandover(const MachineView& machine);
Findings LockShared(const MachineView& machine);
Findings MemoryStall(const MachineView& machine);
Findings StoppedServer(const MachineView& machine);
Findings ThreadExhaustion(const MachineView& machine);
Findings ThreadPoolDeadlock(const MachineView& machine);
Findings ThreadPoolGrowth(const MachineView& machine);
Findings ThreadPoolManaged(const MachineView& machine);
Findings ThreadPoolStarvation(const MachineView& machine);
Findings ThreadPoolStuck(const MachineView& machine);
Findings ThreadPoolUnread(const MachineView& machine);

}  // namespace waitscope
