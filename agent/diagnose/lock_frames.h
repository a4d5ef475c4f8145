// Functions that wait for a lock, where neither the futex operation nor the word says that it is
// one.
#pragma once

#include "agent/diagnose/machine.h"

namespace waitscope {

// Whether it waits at a lock of Rust's standard library, of which the word names no owner.
bool TakesLockOfRust(const MachineView& machine, StackId stack);

// Whether Python code that is no part of Python itself takes a threading.Lock or RLock, without a
// time limit. What Python's own library takes so (conditions, events, joins) is ended by whoever
// has news, and so are queues in C, and what functions named for waiting take. False where no
// function of Python can be named.
bool TakesLockOfPython(const MachineView& machine, const WaitSite& site);

}  // namespace waitscope
