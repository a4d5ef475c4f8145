#include "agent/diagnose/families.h"

#include "bpf/sides.h"

namespace waitscope {
namespace {

constexpr uint32_t kInit = 1;
constexpr size_t kMostAncestors = 64;

uint32_t ParentOf(const MachineView& machine, uint32_t pid) {
  const ProcessView* process = machine.Find(pid);
  return process != nullptr ? process->facts->parent_pid : 0;
}

bool DescendsFrom(const MachineView& machine, uint32_t pid, uint32_t ancestor) {
  for (size_t steps = 0; pid > kInit && steps < kMostAncestors; ++steps) {
    pid = ParentOf(machine, pid);
    if (pid == ancestor) return true;
  }
  return false;
}

bool AreSiblings(const ProcessView& a, const ProcessView& b) {
  return a.facts->parent_pid > kInit && a.facts->parent_pid == b.facts->parent_pid &&
         a.comm == b.comm;
}

bool MayLetIn(const MachineView& machine, const ProcessView& process, const ProcessView& other) {
  const uint32_t sides = SidesOf(machine, other.pid);
  if ((sides & (SIDE_listens | SIDE_waiting)) == 0 || other.pid == kInit) return false;
  if (AreSiblings(process, other) || DescendsFrom(machine, other.pid, process.pid)) return true;
  return (sides & SIDE_waiting) != 0 && DescendsFrom(machine, process.pid, other.pid);
}

}  // namespace

uint32_t SidesOf(const MachineView& machine, uint32_t pid) {
  const auto& sides = machine.snapshot().sides;
  const auto row = sides.find({pid, SidesKey::kWholeProcess});
  return row != sides.end() ? row->second : 0;
}

std::vector<const ProcessView*> FamilyOf(const MachineView& machine, const ProcessView& process) {
  std::vector<const ProcessView*> family{&process};
  for (const auto& [pid, other] : machine.processes()) {
    if (pid != process.pid && MayLetIn(machine, process, other)) family.push_back(&other);
  }
  return family;
}

}  // namespace waitscope
