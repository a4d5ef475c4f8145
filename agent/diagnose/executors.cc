#include "agent/diagnose/executors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "agent/diagnose/pools.h"

namespace waitscope {
namespace {

struct Executor {
  std::string_view works_in;
  std::string_view waits_in;  // empty: nothing tells
};

// Java's, and Python's concurrent.futures.
constexpr std::array kExecutors{
    Executor{"java.util.concurrent.ThreadPoolExecutor.runWorker",
             "java.util.concurrent.ThreadPoolExecutor.getTask"},
    Executor{"java.util.concurrent.ForkJoinPool.runWorker",
             "java.util.concurrent.ForkJoinPool.awaitWork"},
    Executor{"_WorkItem.run", ""},
};

bool IsAtTaskIn(const MachineView& machine, const ThreadView& thread, std::string_view function) {
  return std::ranges::any_of(thread.sites, [&](const WaitSite& site) {
    return PlaceOf(site.nature) == Place::kTask && machine.HasFrame(site.user_stack, function);
  });
}

}  // namespace

bool IsOfExecutor(const MachineView& machine, StackId stack) {
  return std::ranges::any_of(kExecutors, [&](const Executor& executor) {
    return machine.HasFrame(stack, executor.works_in);
  });
}

bool WaitsForTasks(const MachineView& machine, StackId stack) {
  return std::ranges::any_of(kExecutors, [&](const Executor& executor) {
    return !executor.waits_in.empty() && machine.HasFrame(stack, executor.waits_in);
  });
}

bool WorksInLibuv(const MachineView& machine, const ThreadView& thread) {
  return IsAtTaskIn(machine, thread, "uv__");
}

bool LooksUpNamesInLibuv(const MachineView& machine, const ThreadView& thread) {
  return IsAtTaskIn(machine, thread, "uv__getaddrinfo_work") ||
         IsAtTaskIn(machine, thread, "uv__getnameinfo_work");
}

}  // namespace waitscope
