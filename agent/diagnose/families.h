// Processes that may have one listener, by birth: whoever of them is free lets clients in.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/diagnose/machine.h"

namespace waitscope {

// Bits of socket_side_bit, of all sockets of a process; 0: none, or not known.
uint32_t SidesOf(const MachineView& machine, uint32_t pid);

// A process and those that may let in who waits for it: its descendants and siblings that listen,
// and its ancestors at whose own sockets somebody waits. Init has sockets of everybody's, and is
// everybody's parent at last: it is of no family.
std::vector<const ProcessView*> FamilyOf(const MachineView& machine, const ProcessView& process);

}  // namespace waitscope
