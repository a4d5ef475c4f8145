// Event loops and their turns as messages.
#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/codec_views.h"
#include "agent/sinks/words.h"
#include "agent/views/loops.h"

namespace waitscope {
namespace {

void EncodePolls(const MachineView& machine, const LoopRow& row, v1::LoopTurns& out) {
  out.set_counted(row.counted);
  out.set_polls(Rounded(row.polls));
  out.set_polls_per_s(machine.Seconds() > 0 ? row.polls / machine.Seconds() : 0);
  out.set_ready(Rounded(row.ready));
  out.set_ready_share(row.polls > 0 ? row.ready / row.polls : 0);
  out.set_poll_ns(Rounded(row.poll_ns));
}

void EncodeTurns(const LoopRow& row, v1::LoopTurns& out) {
  out.set_long_turns(row.loop.gaps);
  out.set_stalled_ns(Rounded(row.loop.stalled_ns));
  const LoopWindow* counted = row.loop.thread->loop;
  if (counted == nullptr) return;
  *out.mutable_turn() =
      EncodeHistogram(counted->gap, counted->gap.BoundedMaxNs(counted->gap_max_ns));
  out.set_turns_ns(counted->gap_ns);
}

void EncodeOutside(const LoopRow& row, v1::LoopTurns& out) {
  out.set_running_ns(Rounded(row.loop.running_ns));
  out.set_runnable_ns(Rounded(row.loop.runnable_ns));
  double blocked_ns = 0;
  for (size_t cls = 0; cls < row.blocked_ns.size(); ++cls) {
    blocked_ns += row.blocked_ns[cls];
    if (Rounded(row.blocked_ns[cls]) == 0) continue;
    v1::ClassTime* time = out.add_blocked();
    time->set_class_(std::string(ClassWord(static_cast<wait_class>(cls))));
    time->set_ns(Rounded(row.blocked_ns[cls]));
  }
  out.set_blocked_ns(Rounded(blocked_ns));
}

v1::LoopTurns Encode(const MachineView& machine, const LoopRow& row) {
  v1::LoopTurns out;
  *out.mutable_thread() = EncodeThreadRef(machine.snapshot(), row.loop.thread->key());
  out.set_process(row.process->comm);
  out.set_serves_sockets(row.serves_sockets);
  EncodePolls(machine, row, out);
  EncodeTurns(row, out);
  EncodeOutside(row, out);
  EncodeSites(machine, row.worst, out.mutable_worst());
  *out.mutable_unread() = EncodeUnreadOf(machine.snapshot(), row.process->pid);
  out.set_in_progress_ns(row.in_progress_ns);
  if (row.in_progress_ns > 0) {
    *out.mutable_in_progress() = EncodeSite(machine, AsSum(*row.loop.in_progress));
  }
  return out;
}

}  // namespace

v1::LoopsResponse EncodeLoopTurns(const Snapshot& machine, const Target& target) {
  const MachineView view(machine);
  v1::LoopsResponse response;
  *response.mutable_header() = EncodeHeader(machine, "loops");
  for (const LoopRow& row : LoopRows(view, ProcessesOf(machine, target))) {
    *response.add_loops() = Encode(view, row);
  }
  return response;
}

}  // namespace waitscope
