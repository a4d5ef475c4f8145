// Pools of run times, known by where their threads run tasks and where they wait for the next one.
#pragma once

#include "agent/diagnose/machine.h"

namespace waitscope {

// Whether it is the stack of a worker; of Python's, of one at work.
bool IsOfExecutor(const MachineView& machine, StackId stack);
// Whether it is the stack of a worker that has nothing to do; also of tasks that other tasks hand
// out.
bool WaitsForTasks(const MachineView& machine, StackId stack);

// Whether it is at a task of libuv's. Its workers bear no name of their own, and in Node neither do
// those of V8: only where they began tells them apart.
bool WorksInLibuv(const MachineView& machine, const ThreadView& thread);
// Half of its workers may do that (UV__WORK_SLOW_IO).
bool LooksUpNamesInLibuv(const MachineView& machine, const ThreadView& thread);

}  // namespace waitscope
