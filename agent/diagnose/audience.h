// Who is held up when a thread that serves by turns does not come back to its poll.
#pragma once

#include "agent/diagnose/machine.h"

namespace waitscope {

enum class Audience : uint8_t {
  kUnknown,   // nothing tells what sockets it has
  kNobody,    // files, timers, one server that it asks: nobody waits for it
  kOwn,       // connections that it made, or one process that it talks with over pipes
  kSomebody,  // others have connected to it, send to it, or are about to
};

// By the sockets that the thread's own epoll instance watches, or else by those of its process.
Audience AudienceOf(const MachineView& machine, const ProcessView& process,
                    const ThreadView& thread);

}  // namespace waitscope
