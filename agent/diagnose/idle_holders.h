// Locks that are kept while their holder waits for work: turns at a queue.
#pragma once

#include "agent/diagnose/locks.h"
#include "agent/diagnose/machine.h"

namespace waitscope {

// Whether it is proven that those who wait for the lock wait, for a fifth of that time or more,
// while its holder idles at one place: at accepting, at an epoll that clients come by, at reading a
// pipe or a channel. So do threads that lead by turns; nobody is kept from work.
// docs/definitions.md has the formula.
bool IsKeptIdle(const MachineView& machine, const ProcessView& process, const Lock& lock);

// Of a lock that nobody let go of and whose word names no owner: whether a thread beside the main
// one, and beside those that wait for it, has idled all the time as above. It may have the lock.
bool MayBeKeptIdle(const MachineView& machine, const ProcessView& process, const Lock& lock);

}  // namespace waitscope
