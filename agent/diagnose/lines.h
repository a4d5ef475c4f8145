// Threads that stand in line for something though each waits at a word of its own: a lock of
// java.util.concurrent, a connection of a pool, a row of a database. Judged by who ends the waits:
// whoever was let in lets the next one in when it is done. An idle worker is woken by who has work,
// a barrier's threads by the last of them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/diagnose/machine.h"

namespace waitscope {

struct Handover {
  const ThreadView* from = nullptr;
  const ThreadView* to = nullptr;
  uint64_t held_from_ns = 0;    // when `from` was let in
  uint64_t at_ns = 0;           // when it let the next one in
  uint64_t off_ns = 0;          // since when `to` had waited
  StackId user_stack = 0;       // of that wait
  std::optional<bool> went_on;  // whether `from` did something else before it waited again

  uint64_t HeldNs() const { return at_ns - held_from_ns; }
  uint64_t WaitNs() const { return at_ns - off_ns; }
  // It waited when `from` was let in: whoever comes round to a barrier was let go with the others.
  bool WasInLine() const { return off_ns <= held_from_ns; }
};

struct Line {
  std::vector<const ThreadView*> threads;  // by tid
  std::vector<Handover> handovers;         // by time
  double wakings = 0;                      // long waits that threads of the line ended, all of them

  double WaitNs() const;
  double HeldNs() const;
  double MeanWaitNs() const { return WaitNs() / static_cast<double>(handovers.size()); }
  double MeanHeldNs() const { return HeldNs() / static_cast<double>(handovers.size()); }
  uint64_t LongestWaitNs() const;
  // How many held it at once, on average of the time in which somebody did.
  double Holders() const;
  const ThreadView& LongestHolder() const;
  // Where most of the waiting was done.
  const WaitSite* Site() const;
};

// Lines that are nothing else: of at least three threads, whose waits end by handing over, one
// thread's worth of them or more.
std::vector<Line> LinesIn(const MachineView& machine, const ProcessView& process);

}  // namespace waitscope
