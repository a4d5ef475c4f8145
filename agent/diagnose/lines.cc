#include "agent/diagnose/lines.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "agent/diagnose/executors.h"
#include "agent/diagnose/locks.h"

namespace waitscope {
namespace {

constexpr uint64_t kShortestHoldNs = 1'000'000;
// Who only takes turns waits again at once; an unfair lock would not be handed on so fast.
constexpr uint64_t kShortestRestNs = 200'000;
constexpr uint64_t kLargestParker = 128;  // bytes
constexpr size_t kFewestThreads = 3;
constexpr double kFewestHandovers = 6;
constexpr double kHandedOver = 0.65;  // barrier of three: half of them
constexpr double kInLine = 0.4;
constexpr double kWentOn = 0.5;
constexpr double kHeldWhileWaited = 0.6;
constexpr double kByOthers = 0.25;
constexpr double kWaitersWorth = 1.0;

// As far as the wait itself tells.
bool IsInLine(const WaitSite& site) {
  return site.nature == Nature::kPark || site.nature == Nature::kLock;
}

struct Interval {
  uint64_t begin_ns = 0;
  uint64_t end_ns = 0;
};

std::vector<Interval> UnionOf(std::vector<Interval> intervals) {
  std::ranges::sort(intervals, {}, &Interval::begin_ns);
  std::vector<Interval> joined;
  for (const Interval& each : intervals) {
    if (!joined.empty() && each.begin_ns <= joined.back().end_ns) {
      joined.back().end_ns = std::max(joined.back().end_ns, each.end_ns);
    } else {
      joined.push_back(each);
    }
  }
  return joined;
}

double LengthOf(const std::vector<Interval>& intervals) {
  double ns = 0;
  for (const Interval& each : intervals) ns += static_cast<double>(each.end_ns - each.begin_ns);
  return ns;
}

// Of two unions.
double CommonNs(const std::vector<Interval>& a, const std::vector<Interval>& b) {
  double ns = 0;
  for (auto one = a.begin(), other = b.begin(); one != a.end() && other != b.end();) {
    const uint64_t begin_ns = std::max(one->begin_ns, other->begin_ns);
    const uint64_t end_ns = std::min(one->end_ns, other->end_ns);
    if (end_ns > begin_ns) ns += static_cast<double>(end_ns - begin_ns);
    one->end_ns < other->end_ns ? ++one : ++other;
  }
  return ns;
}

std::vector<Interval> HoldsOf(const Line& line) {
  std::vector<Interval> holds;
  for (const Handover& each : line.handovers) holds.push_back({each.held_from_ns, each.at_ns});
  return UnionOf(std::move(holds));
}

std::vector<Interval> WaitsOf(const Line& line) {
  std::vector<Interval> waits;
  for (const Handover& each : line.handovers) waits.push_back({each.off_ns, each.at_ns});
  return UnionOf(std::move(waits));
}

// Words that one thread alone parks at, and for nothing that is known to be something else.
std::set<uint64_t> OwnWords(const ProcessView& process) {
  std::map<uint64_t, std::set<uint32_t>> parked;
  std::set<uint64_t> other;
  for (const ThreadView& thread : process.threads) {
    for (const WaitSite& site : thread.sites) {
      if (site.object == nullptr || site.object->kind != OBJECT_futex) continue;
      const uint64_t word = site.object->id & kPairMask;
      if (!IsInLine(site)) other.insert(word);
      parked[word].insert(thread.key().tid);
    }
  }
  std::set<uint64_t> own;
  for (const auto& [word, threads] : parked) {
    if (threads.size() == 1 && !other.contains(word)) own.insert(word);
  }
  return own;
}

std::vector<Unpark> UnparksOf(const MachineView& machine, const ProcessView& process) {
  const std::vector<Unpark>& all = machine.snapshot().unparks;
  const bool any = std::ranges::any_of(all, [&](const Unpark& u) { return u.pid == process.pid; });
  if (!any) return {};
  const std::set<uint64_t> own = OwnWords(process);
  std::vector<Unpark> unparks;
  std::ranges::copy_if(all, std::back_inserter(unparks), [&](const Unpark& unpark) {
    return unpark.pid == process.pid && own.contains(unpark.word & kPairMask);
  });
  return unparks;
}

// A thread has one place to park at, of a word or more: HotSpot's holds two condition variables.
bool IsElsewhere(uint64_t word, uint64_t other) {
  return std::max(word, other) - std::min(word, other) > kLargestParker;
}

// What is known of a thread at one time, going through the waits as they end.
struct Standing {
  uint64_t word = 0;           // where it waited before it was let in
  uint64_t let_in_ns = 0;      // 0: it has let somebody in since
  StackId user_stack = 0;      // of the wait before it was let in
  std::optional<size_t> gave;  // its newest handover, until it waits again
};

class Reader {
 public:
  explicit Reader(const ProcessView& process) : process_(process) {}

  void Read(const Unpark& unpark) {
    NoteWaitOf(unpark);
    if (unpark.waker != 0) NoteWaking(unpark);
    Standing& waiter = standings_[unpark.waiter];
    // Who waits for time to pass at another place holds on to what it was let in for.
    if (unpark.waker == 0 && IsElsewhere(unpark.word, waiter.word)) return;
    // Who waits for time to pass has not been let in, or does not hold what it was let in for: the
    // first of those who wait for timers parks, too, and wakes the next one before it goes to work.
    waiter.word = unpark.word;
    waiter.let_in_ns = unpark.waker != 0 ? unpark.on_ns : 0;
    waiter.user_stack = unpark.user_stack;
  }

  std::vector<Handover> Take() && { return std::move(handovers_); }

 private:
  void NoteWaitOf(const Unpark& unpark) {
    Standing& waiter = standings_[unpark.waiter];
    if (!waiter.gave) return;
    Handover& handover = handovers_[*waiter.gave];
    const bool elsewhere =
        unpark.user_stack != 0 && waiter.user_stack != 0 && unpark.user_stack != waiter.user_stack;
    handover.went_on = elsewhere || unpark.off_ns >= handover.at_ns + kShortestRestNs;
    waiter.gave.reset();
  }

  void NoteWaking(const Unpark& unpark) {
    Standing& waker = standings_[unpark.waker];
    const uint64_t let_in_ns = std::exchange(waker.let_in_ns, 0);
    if (let_in_ns == 0 || unpark.wake_ns < let_in_ns + kShortestHoldNs) return;
    const ThreadView* from = process_.Find(unpark.waker);
    const ThreadView* to = process_.Find(unpark.waiter);
    if (from == nullptr || to == nullptr) return;
    waker.gave = handovers_.size();
    handovers_.push_back({.from = from,
                          .to = to,
                          .held_from_ns = let_in_ns,
                          .at_ns = unpark.wake_ns,
                          .off_ns = unpark.off_ns,
                          .user_stack = unpark.user_stack});
  }

  const ProcessView& process_;
  std::map<uint32_t, Standing> standings_;
  std::vector<Handover> handovers_;
};

using Members = std::set<const ThreadView*>;

struct Balance {
  size_t in = 0;
  size_t out = 0;
};

// Whoever is let in lets somebody in: who only does one of both hands out work, or gets it.
bool IsBalanced(const Balance& balance) {
  return balance.in > 0 && balance.out > 0 && 2 * balance.out >= balance.in &&
         2 * balance.in >= balance.out;
}

// Takes those out who do not stand in line, until the rest do among themselves.
std::vector<Handover> AmongEachOther(std::vector<Handover> handovers) {
  for (bool settled = false; !settled;) {
    std::map<const ThreadView*, Balance> balances;
    for (const Handover& each : handovers) {
      ++balances[each.from].out;
      ++balances[each.to].in;
    }
    settled = std::erase_if(handovers, [&](const Handover& each) {
                return !IsBalanced(balances[each.from]) || !IsBalanced(balances[each.to]);
              }) == 0;
  }
  return handovers;
}

const ThreadView* RootOf(std::map<const ThreadView*, const ThreadView*>& parents,
                         const ThreadView* thread) {
  const ThreadView*& parent = parents.try_emplace(thread, thread).first->second;
  return parent == thread ? thread : parent = RootOf(parents, parent);
}

// Several lines of one process that have neither a thread nor a place in common: threads that are
// let in two at a time may follow each other as two lines.
std::vector<Line> Split(const std::vector<Handover>& handovers) {
  std::map<const ThreadView*, const ThreadView*> parents;
  std::map<StackId, const ThreadView*> places;
  for (const Handover& each : handovers) {
    parents[RootOf(parents, each.from)] = RootOf(parents, each.to);
    if (each.user_stack == 0) continue;
    const ThreadView* here = places.try_emplace(each.user_stack, each.to).first->second;
    parents[RootOf(parents, here)] = RootOf(parents, each.to);
  }
  std::map<const ThreadView*, Line> lines;
  for (const Handover& each : handovers) {
    lines[RootOf(parents, each.from)].handovers.push_back(each);
  }
  std::vector<Line> split;
  for (auto& [root, line] : lines) {
    Members members;
    for (const Handover& each : line.handovers) members.insert({each.from, each.to});
    line.threads.assign(members.begin(), members.end());
    std::ranges::sort(line.threads, {}, [](const ThreadView* thread) { return thread->key().tid; });
    split.push_back(std::move(line));
  }
  return split;
}

struct Ends {
  double by_members = 0;
  double by_others = 0;
};

// By where the members wait: what other threads end now and then is a place to wait for work.
std::map<StackId, Ends> EndsOf(const Line& line, const std::vector<Unpark>& unparks) {
  std::set<uint32_t> members;
  for (const ThreadView* thread : line.threads) members.insert(thread->key().tid);
  std::map<StackId, Ends> ends;
  for (const Unpark& unpark : unparks) {
    if (!members.contains(unpark.waiter) || unpark.waker == 0) continue;
    Ends& here = ends[unpark.user_stack];
    (members.contains(unpark.waker) ? here.by_members : here.by_others) += 1;
  }
  return ends;
}

bool IsHome(const Ends& ends) {
  return ends.by_others > kByOthers * (ends.by_others + ends.by_members);
}

void LeaveHomeOut(const MachineView& machine, const std::vector<Unpark>& unparks, Line& line) {
  std::map<StackId, Ends> ends = EndsOf(line, unparks);
  std::erase_if(ends, [&](const auto& row) {
    return IsHome(row.second) || WaitsForTasks(machine, row.first);
  });
  std::erase_if(line.handovers,
                [&](const Handover& each) { return !ends.contains(each.user_stack); });
  for (const auto& [stack, here] : ends) line.wakings += here.by_members;
}

double ShareWaitedInLine(const Line& line) {
  const auto in_line = std::ranges::count_if(line.handovers, &Handover::WasInLine);
  return static_cast<double>(in_line) / static_cast<double>(line.handovers.size());
}

double ShareWentOn(const Line& line) {
  const auto known = std::ranges::count_if(
      line.handovers, [](const Handover& each) { return each.went_on.has_value(); });
  const auto went_on = std::ranges::count_if(
      line.handovers, [](const Handover& each) { return each.went_on.value_or(false); });
  return known > 0 ? static_cast<double>(went_on) / static_cast<double>(known) : 0;
}

// While somebody waits in a line, somebody is served.
double ShareServed(const Line& line) {
  const std::vector<Interval> waits = WaitsOf(line);
  return CommonNs(waits, HoldsOf(line)) / std::max(LengthOf(waits), 1.0);
}

bool IsLine(const MachineView& machine, const Line& line) {
  const auto handovers = static_cast<double>(line.handovers.size());
  return line.threads.size() >= kFewestThreads && handovers >= kFewestHandovers &&
         handovers >= kHandedOver * line.wakings &&
         line.WaitNs() >= kWaitersWorth * machine.WindowNs() &&
         ShareWaitedInLine(line) >= kInLine && ShareWentOn(line) >= kWentOn &&
         ShareServed(line) >= kHeldWhileWaited;
}

}  // namespace

double Line::WaitNs() const {
  return std::accumulate(handovers.begin(), handovers.end(), 0.0, [](double ns, const auto& each) {
    return ns + static_cast<double>(each.WaitNs());
  });
}

double Line::HeldNs() const {
  return std::accumulate(handovers.begin(), handovers.end(), 0.0, [](double ns, const auto& each) {
    return ns + static_cast<double>(each.HeldNs());
  });
}

uint64_t Line::LongestWaitNs() const {
  return std::ranges::max_element(handovers, {}, &Handover::WaitNs)->WaitNs();
}

double Line::Holders() const { return HeldNs() / std::max(LengthOf(HoldsOf(*this)), 1.0); }

const ThreadView& Line::LongestHolder() const {
  std::map<const ThreadView*, uint64_t> held;
  for (const Handover& each : handovers) held[each.from] += each.HeldNs();
  const ThreadView* longest = threads.front();
  for (const ThreadView* thread : threads) {
    if (held[thread] > held[longest]) longest = thread;
  }
  return *longest;
}

const WaitSite* Line::Site() const {
  std::set<StackId> stacks;
  for (const Handover& each : handovers) stacks.insert(each.user_stack);
  const WaitSite* longest = nullptr;
  for (const ThreadView* thread : threads) {
    for (const WaitSite& site : thread->sites) {
      const bool here = IsInLine(site) && stacks.contains(site.user_stack);
      if (here && (longest == nullptr || site.ns > longest->ns)) longest = &site;
    }
  }
  return longest;
}

std::vector<Line> LinesIn(const MachineView& machine, const ProcessView& process) {
  const std::vector<Unpark> unparks = UnparksOf(machine, process);
  if (unparks.empty()) return {};
  Reader reader(process);
  for (const Unpark& unpark : unparks) reader.Read(unpark);
  std::vector<Line> lines = Split(AmongEachOther(std::move(reader).Take()));
  for (Line& line : lines) LeaveHomeOut(machine, unparks, line);
  std::erase_if(lines, [&](const Line& line) { return !IsLine(machine, line); });
  return lines;
}

}  // namespace waitscope
