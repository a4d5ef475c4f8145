// Pools as people see them: who is idle, who is busy at what, and who makes the threads.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/diagnose/machine.h"
#include "agent/views/asked_for.h"
#include "agent/views/sites.h"

namespace waitscope {

// docs/definitions.md, "Pools".
struct PoolRow {
  const ProcessView* process = nullptr;
  std::string name;  // "pool-*-thread-*"
  uint32_t threads = 0;
  uint32_t threads_begin = 0;
  uint32_t created = 0;
  uint32_t exited = 0;

  ThreadKey creator;  // zero: unknown
  uint32_t made_by_creator = 0;
  StackId creator_kernel_stack = 0;  // of its creations; both 0: none was sampled
  StackId creator_user_stack = 0;

  double wall_ns = 0;
  double running_ns = 0;
  double runnable_ns = 0;
  double home_ns = 0;
  double task_ns = 0;
  double unclear_ns = 0;
  std::map<Nature, double> away;
  double nobody_home_min_ns = 0;
  double nobody_home_max_ns = 0;
  uint32_t open_home = 0;
  uint32_t open_task = 0;
  std::optional<SiteSum> home;
  std::vector<SiteSum> worst;
  bool serves_requests = false;
  double trouble_ns = 0;
};

// Groups of two threads or more, the most troubled first.
std::vector<PoolRow> PoolRows(const MachineView& machine, const IsAskedFor& is_asked_for);

}  // namespace waitscope
