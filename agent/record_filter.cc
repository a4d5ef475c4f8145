#include "agent/record_filter.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint32_t kNobody = 0;
constexpr uint32_t kMachine = UINT32_MAX;

// Whose record it is.
struct OwnerOf {
  uint32_t operator()(const wait_event& event) const { return event.thread.pid; }
  uint32_t operator()(const oncpu_event& event) const { return event.thread.pid; }
  uint32_t operator()(const ledger_event& event) const { return event.thread.pid; }
  uint32_t operator()(const life_event& event) const { return event.thread.pid; }
  uint32_t operator()(const syscall_event& event) const { return event.thread.pid; }
  uint32_t operator()(const loop_event& event) const { return event.thread.pid; }
  uint32_t operator()(const syscall_error_event& event) const { return event.pid; }
  uint32_t operator()(const process_event& event) const { return event.pid; }
  uint32_t operator()(const block_event& event) const { return event.issuer.pid; }
  uint32_t operator()(const membership_event& event) const { return event.pid; }
  uint32_t operator()(const unread_event& event) const { return event.pid; }
  uint32_t operator()(const sides_event& event) const { return event.pid; }
  uint32_t operator()(const kernel_lock_event& event) const { return event.pid; }
  uint32_t operator()(const lock_owner_event& event) const { return event.waiter.pid; }
  uint32_t operator()(std::monostate) const { return kNobody; }
  // Devices, names, losses, cost, host, ticks, and stacks.
  template <typename Other>
  uint32_t operator()(const Other&) const {
    return kMachine;
  }
};

struct ReferredStacks {
  std::vector<StackId> operator()(const wait_event& event) const {
    return {event.kernel_stack, event.user_stack, event.waker_kernel_stack, event.waker_user_stack};
  }
  std::vector<StackId> operator()(const oncpu_event& event) const {
    return {event.kernel_stack, event.user_stack};
  }
  std::vector<StackId> operator()(const life_event& event) const {
    return {event.kernel_stack, event.user_stack};
  }
  std::vector<StackId> operator()(const ledger_event& event) const {
    return {event.kernel_stack, event.user_stack};
  }
  template <typename Other>
  std::vector<StackId> operator()(const Other&) const {
    return {};
  }
};

std::string_view WithoutSlashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// Whole components, as in Select.
bool IsBelow(std::string_view path, std::string_view prefix) {
  path = WithoutSlashes(path);
  prefix = WithoutSlashes(prefix);
  return path.starts_with(prefix) &&
         (prefix.empty() || path.size() == prefix.size() || path[prefix.size()] == '/');
}

}  // namespace

RecordFilter::RecordFilter(Target target, const Snapshot& latest)
    : target_(std::move(target)),
      everything_(target_.Everything()),
      pids_(target_.pids.begin(), target_.pids.end()) {
  if (everything_) return;
  for (const auto& [key, thread] : Select(latest, target_).threads) pids_.insert(key.pid);
}

void RecordFilter::Notice(const life_event& event) {
  const bool inherits = target_.descendants && event.kind == LIFE_fork;
  if (inherits && pids_.contains(event.creator.pid)) pids_.insert(event.thread.pid);
  const bool named = std::ranges::count(target_.comms, PrintableText(event.comm)) > 0;
  if (event.kind == LIFE_exec && named) pids_.insert(event.thread.pid);
}

void RecordFilter::Notice(const process_event& event) {
  const bool in_cgroup = std::ranges::any_of(target_.cgroups, [&](const std::string& prefix) {
    return IsBelow(PrintableText(event.cgroup), prefix);
  });
  const bool in_container = std::ranges::any_of(target_.containers, [&](const std::string& id) {
    return Text(event.container).starts_with(id);
  });
  if (in_cgroup || in_container) pids_.insert(event.pid);
}

bool RecordFilter::Admits(const Event& event) {
  if (everything_) return true;
  if (const auto* life = std::get_if<life_event>(&event)) Notice(*life);
  if (const auto* process = std::get_if<process_event>(&event)) Notice(*process);
  const uint32_t owner = std::visit(OwnerOf(), event);
  return owner == kMachine || pids_.contains(owner);
}

std::vector<StackId> StacksOf(const Event& event) {
  std::vector<StackId> ids = std::visit(ReferredStacks(), event);
  std::erase(ids, 0);
  return ids;
}

}  // namespace waitscope
