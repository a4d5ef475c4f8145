#include "agent/core/target.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "agent/core/stack_table.h"

namespace waitscope {
namespace {

template <typename Value>
bool IsOneOf(const std::vector<Value>& allowed, const Value& value) {
  return allowed.empty() || std::ranges::find(allowed, value) != allowed.end();
}

bool IsBelow(std::string_view path, std::string_view prefix) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (prefix.starts_with('/')) prefix.remove_prefix(1);
  if (path.starts_with('/')) path.remove_prefix(1);
  if (!path.starts_with(prefix)) return false;
  return prefix.empty() || path.size() == prefix.size() || path[prefix.size()] == '/';
}

bool IsBelowOneOf(const std::vector<std::string>& prefixes, const std::string& path) {
  return prefixes.empty() || std::ranges::any_of(prefixes, [&](const std::string& prefix) {
           return IsBelow(path, prefix);
         });
}

bool StartsWithOneOf(const std::vector<std::string>& prefixes, const std::string& id) {
  return prefixes.empty() || std::ranges::any_of(prefixes, [&](const std::string& prefix) {
           return !prefix.empty() && id.starts_with(prefix);
         });
}

using Parents = std::multimap<uint32_t, uint32_t>;  // parent to child

// A process whose parent has exited belongs to init; its creator still tells where it came from.
Parents ParentsIn(const Snapshot& snapshot) {
  Parents children;
  for (const auto& [pid, facts] : snapshot.processes) children.emplace(facts.parent_pid, pid);
  for (const auto& [key, thread] : snapshot.threads) {
    if (thread.parent_pid != 0) children.emplace(thread.parent_pid, key.pid);
    const uint32_t creator = thread.creator.pid;
    if (creator != 0 && creator != key.pid) children.emplace(creator, key.pid);
  }
  return children;
}

std::set<uint32_t> WithDescendants(const Snapshot& snapshot, const std::vector<uint32_t>& pids) {
  const Parents children = ParentsIn(snapshot);
  std::set<uint32_t> family;
  std::vector<uint32_t> open = pids;
  while (!open.empty()) {
    const uint32_t pid = open.back();
    open.pop_back();
    if (!family.insert(pid).second) continue;
    const auto [first, last] = children.equal_range(pid);
    std::for_each(first, last, [&](const auto& row) { open.push_back(row.second); });
  }
  return family;
}

class Matcher {
 public:
  Matcher(const Snapshot& snapshot, const Target& target) : snapshot_(snapshot), target_(target) {
    if (target.descendants && !target.pids.empty()) {
      family_ = WithDescendants(snapshot, target.pids);
    } else {
      family_.insert(target.pids.begin(), target.pids.end());
    }
    for (const auto& [key, thread] : snapshot.threads) {
      const bool main = key.tid == key.pid;
      if (main && IsOneOf(target.comms, thread.comm)) named_.insert(key.pid);
    }
  }

  bool Matches(const ThreadKey& key) const {
    return MatchesPid(key.pid) && IsOneOf(target_.tids, key.tid) && MatchesComm(key);
  }

  // What is known of a process as a whole; threads may still differ by tid and name.
  bool MatchesPid(uint32_t pid) const {
    static const ProcessFacts kUnknown;
    if (!target_.pids.empty() && !family_.contains(pid)) return false;
    const auto at = snapshot_.processes.find(pid);
    const ProcessFacts& facts = at != snapshot_.processes.end() ? at->second : kUnknown;
    return IsBelowOneOf(target_.cgroups, facts.cgroup) &&
           StartsWithOneOf(target_.containers, facts.container);
  }

 private:
  bool MatchesComm(const ThreadKey& key) const {
    if (target_.comms.empty() || named_.contains(key.pid)) return true;
    const auto thread = snapshot_.threads.find(key);
    if (thread != snapshot_.threads.end()) return IsOneOf(target_.comms, thread->second.comm);
    const auto comm = snapshot_.comms.find(key);
    return comm != snapshot_.comms.end() && IsOneOf(target_.comms, comm->second);
  }

  const Snapshot& snapshot_;
  const Target& target_;
  std::set<uint32_t> family_;
  std::set<uint32_t> named_;  // processes whose main thread has one of the names
};

template <typename Map, typename Matches>
Map Filter(const Map& map, Matches matches) {
  Map chosen;
  for (const auto& row : map) {
    if (matches(row.first)) chosen.insert(chosen.end(), row);
  }
  return chosen;
}

void CopyMachine(const Snapshot& from, Snapshot& to) {
  to.host = from.host;
  to.begin_ns = from.begin_ns;
  to.end_ns = from.end_ns;
  to.wall_clock_end_ns = from.wall_clock_end_ns;
  to.sequence = from.sequence;
  to.windows = from.windows;
  to.period_ns = from.period_ns;
  to.devices = from.devices;
  to.pressure = from.pressure;
  to.cgroups = from.cgroups;
  to.listening = from.listening;
  to.objects = from.objects;
  to.losses = from.losses;
  to.cost = from.cost;
}

// Wakers and creators outside the target keep their names.
void CopyNames(const Snapshot& from, const Matcher& matcher, Snapshot& to) {
  to.comms = from.comms;
  for (const auto& [key, thread] : from.threads) {
    if (!matcher.Matches(key)) to.comms.try_emplace(key, thread.comm);
  }
  const std::set<StackId> used = StacksIn(to);
  to.stacks = Filter(from.stacks, [&](StackId id) { return used.contains(id); });
}

}  // namespace

Snapshot Select(const Snapshot& snapshot, const Target& target) {
  return Select(snapshot, snapshot, target);
}

// A number is all there is to a process or thread; names and families change from window to window.
bool NeedsWhole(const Target& target) {
  const bool family = target.descendants && !target.pids.empty();
  return family || !target.comms.empty() || !target.cgroups.empty() || !target.containers.empty();
}

Snapshot OnlyIdentities(Snapshot window) {
  Snapshot only;
  only.begin_ns = window.begin_ns;
  only.end_ns = window.end_ns;
  for (const auto& [key, thread] : window.threads) {
    ThreadWindow& identity = only.threads[key];
    identity.key = key;
    identity.comm = thread.comm;
    identity.creator = thread.creator;
    identity.parent_pid = thread.parent_pid;
  }
  only.processes = std::move(window.processes);
  only.comms = std::move(window.comms);
  return only;
}

Snapshot Select(const Snapshot& window, const Snapshot& known, const Target& target) {
  if (target.Everything()) return window;
  const Matcher matcher(known, target);
  const auto of_thread = [&](const ThreadKey& key) { return matcher.Matches(key); };
  const auto of_row = [&](const auto& key) { return matcher.Matches(key.thread); };

  Snapshot chosen;
  CopyMachine(window, chosen);
  chosen.threads = Filter(window.threads, of_thread);
  chosen.samples = Filter(window.samples, of_row);
  chosen.syscalls = Filter(window.syscalls, of_row);
  chosen.loops = Filter(window.loops, of_thread);
  chosen.creations = Filter(window.creations,
                            [&](const CreationKey& key) { return matcher.Matches(key.creator); });
  std::ranges::copy_if(
      window.requests, std::back_inserter(chosen.requests),
      [&](const block_event& request) { return matcher.Matches(KeyOf(request.issuer)); });

  std::set<uint32_t> pids;
  for (const auto& [key, thread] : chosen.threads) pids.insert(key.pid);
  chosen.processes = Filter(window.processes, [&](uint32_t pid) { return pids.contains(pid); });
  chosen.errnos =
      Filter(window.errnos, [&](const ErrnoKey& key) { return pids.contains(key.pid); });
  chosen.unread =
      Filter(window.unread, [&](const UnreadKey& key) { return pids.contains(key.pid); });
  chosen.sides = Filter(window.sides, [&](const SidesKey& key) { return pids.contains(key.pid); });
  chosen.lock_waits =
      Filter(window.lock_waits, [&](const LockWordKey& key) { return pids.contains(key.pid); });
  std::ranges::copy_if(window.unparks, std::back_inserter(chosen.unparks),
                       [&](const Unpark& unpark) { return pids.contains(unpark.pid); });
  chosen.kernel_locks =
      Filter(window.kernel_locks, [&](const KernelLockKey& key) { return pids.contains(key.pid); });
  chosen.lock_owners =
      Filter(window.lock_owners, [&](const LockOwnerKey& key) { return pids.contains(key.pid); });
  CopyNames(window, matcher, chosen);
  return chosen;
}

}  // namespace waitscope
