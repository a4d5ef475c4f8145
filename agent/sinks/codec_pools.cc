// Pools as messages.
#include <algorithm>

#include "agent/diagnose/nature.h"
#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/codec_views.h"
#include "agent/views/pools.h"

namespace waitscope {
namespace {

void EncodeCreator(const MachineView& machine, const PoolRow& row, v1::Pool& out) {
  if (row.made_by_creator == 0) return;
  v1::PoolCreator* creator = out.mutable_creator();
  *creator->mutable_thread() = EncodeThreadRef(machine.snapshot(), row.creator);
  creator->set_threads(row.made_by_creator);
  SetFrames(machine.Frames(row.creator_kernel_stack, row.creator_user_stack),
            creator->mutable_frames());
}

void EncodeAway(const PoolRow& row, v1::Pool& out) {
  for (const auto& [nature, ns] : row.away) {
    v1::NatureTime* time = out.add_away();
    time->set_nature(std::string(NatureWord(nature)));
    time->set_ns(Rounded(ns));
  }
  std::ranges::stable_sort(*out.mutable_away(),
                           [](const auto& a, const auto& b) { return a.ns() > b.ns(); });
}

void EncodeTimes(const PoolRow& row, v1::Pool& out) {
  out.set_wall_ns(Rounded(row.wall_ns));
  out.set_running_ns(Rounded(row.running_ns));
  out.set_runnable_ns(Rounded(row.runnable_ns));
  out.set_home_ns(Rounded(row.home_ns));
  out.set_task_ns(Rounded(row.task_ns));
  out.set_unclear_ns(Rounded(row.unclear_ns));
  out.set_nobody_home_min_ns(Rounded(row.nobody_home_min_ns));
  out.set_nobody_home_max_ns(Rounded(row.nobody_home_max_ns));
  out.set_trouble_ns(Rounded(row.trouble_ns));
}

v1::Pool Encode(const MachineView& machine, const PoolRow& row) {
  v1::Pool out;
  out.set_pid(row.process->pid);
  out.set_comm(row.process->comm);
  out.set_name(row.name);
  out.set_threads(row.threads);
  out.set_threads_begin(row.threads_begin);
  out.set_created(row.created);
  out.set_exited(row.exited);
  out.set_open_home(row.open_home);
  out.set_open_task(row.open_task);
  out.set_serves_requests(row.serves_requests);
  EncodeCreator(machine, row, out);
  EncodeTimes(row, out);
  EncodeAway(row, out);
  if (row.home) *out.mutable_home() = EncodeSite(machine, *row.home);
  EncodeSites(machine, row.worst, out.mutable_worst());
  *out.mutable_unread() = EncodeUnreadOf(machine.snapshot(), row.process->pid);
  return out;
}

}  // namespace

v1::PoolsResponse EncodePools(const Snapshot& machine, const Target& target) {
  const MachineView view(machine);
  v1::PoolsResponse response;
  *response.mutable_header() = EncodeHeader(machine, "pools");
  for (const PoolRow& row : PoolRows(view, ProcessesOf(machine, target))) {
    *response.add_pools() = Encode(view, row);
  }
  return response;
}

}  // namespace waitscope
