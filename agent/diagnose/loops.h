// Event loops, recognised by what their threads call.
#pragma once

#include <vector>

#include "agent/diagnose/machine.h"

namespace waitscope {

// One thread that serves many descriptors by turns.
struct Loop {
  const ThreadView* thread = nullptr;
  uint64_t gaps = 0;        // turns that kept everybody waiting for long
  double stalled_ns = 0;    // their time
  uint64_t gap_p99_ns = 0;  // of turns that were not short
  uint64_t gap_longest_ns = 0;
  double blocked_ns = 0;  // off the CPU outside its poll, by its own waiting
  double runnable_ns = 0;
  double running_ns = 0;
  double nested_poll_ns = 0;              // of blocked_ns: in polls that are not its own
  double nature_ns = 0;                   // of blocked_ns: of the nature of `worst`
  const WaitSite* worst = nullptr;        // outside its poll, of the nature with most time
  std::vector<const WaitSite*> inside;    // long waits outside its poll, most time first
  const WaitSite* in_progress = nullptr;  // one of them all that had not ended
};

inline constexpr uint64_t kLongGapNs = 100'000'000;  // asyncio's slow_callback_duration

inline constexpr int32_t kEpollPwait2 = 441;  // v5.11; older headers have no name for it

// Whether a system call is how loops wait for whatever comes next.
bool IsLoopPoll(int32_t syscall);

struct LongTurns {
  uint64_t count = 0;
  double ns = 0;
  uint64_t p99_ns = 0;
};

// Of at least this length, where they were counted.
LongTurns TurnsOf(const Loop& loop, uint64_t shortest_ns);

std::vector<Loop> LoopsOf(const MachineView& machine, const ProcessView& process);

// Threads that come back to a poll again and again, loops or not: whatever poll is taken for
// their own. Those of `loops` are left out.
std::vector<Loop> OtherPollersOf(const MachineView& machine, const ProcessView& process,
                                 const std::vector<Loop>& loops);

}  // namespace waitscope
