// What the facts of one sample say its waits are about.
#pragma once

#include "agent/diagnose/machine.h"
#include "agent/diagnose/sockets.h"

namespace waitscope {

Nature NatureOf(const MachineView& machine, const SocketSides& sides, const WaitSite& site);

}  // namespace waitscope
