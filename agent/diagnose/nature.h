// What the facts of one sample say its waits are about.
#pragma once

#include <string_view>

#include "agent/diagnose/machine.h"
#include "agent/diagnose/sockets.h"

namespace waitscope {

Nature NatureOf(const MachineView& machine, const SocketSides& sides, const WaitSite& site);

// Whether the call sends: on a socket it waits for room, which the other end makes by reading.
bool IsSend(int32_t syscall);

// "park", "backend", "file-lock" and so on.
std::string_view NatureWord(Nature nature);

}  // namespace waitscope
