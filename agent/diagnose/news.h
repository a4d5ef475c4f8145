// Waits for an answer that is not due: for a job in a queue, or for news, with or without a limit.
#pragma once

#include <vector>

#include "agent/diagnose/machine.h"

namespace waitscope {

// The waits of some threads of one process for one peer.
struct AnswerWaits {
  double ns = 0;
  double count = 0;
  uint64_t longest_ns = 0;
  std::vector<const ThreadView*> threads;
  std::vector<const WaitSite*> sites;
};

// Whether the threads of this machine that sent the answers were busy meanwhile, and not idle: then
// the answers took work.
bool TookWork(const MachineView& machine, const AnswerWaits& waits);

// Whether the answers came when a time limit was over, as those of an empty queue and of a long
// poll do: after a second or more, and all after the same time. Half a second is enough where the
// threads keep their connections and do nothing but ask again.
bool CameByTimeLimit(const AnswerWaits& waits);

// Whether what came may have been messages at a steady pace, and what was sent their
// acknowledgements: the peer seems to have spoken first, and both sides have spoken as often since.
// So it is where a server greets its clients, and after many a TLS handshake, whose answers take
// the same time each.
bool MayAcknowledge(const AnswerWaits& waits);

// Whether the peer, on this machine, idles until others of its clients send something: the threads
// that answer do, or wait for threads of their process that do, some of them up to a limit.
bool CameFromOthers(const MachineView& machine, const AnswerWaits& waits);

}  // namespace waitscope
