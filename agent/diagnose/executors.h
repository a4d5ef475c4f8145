// Pools of run times, known by where their threads run tasks and where they wait for the next one.
#pragma once

#include "agent/diagnose/machine.h"

namespace waitscope {

// Whether it is the stack of a worker; of Python's, of one at work.
bool IsOfExecutor(const MachineView& machine, StackId stack);
// Whether it is the stack of a worker that has nothing to do; also of tasks that other tasks hand
// out.
bool WaitsForTasks(const MachineView& machine, StackId stack);

}  // namespace waitscope
