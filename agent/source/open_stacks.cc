#include "agent/source/open_stacks.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <utility>

namespace waitscope {
namespace {

constexpr size_t kMostAtOnce = 512;  // at 20 to 40 us each
constexpr int kTries = 3;
constexpr int kLongestPause = 6;  // as a power of two, in turns

// All that the record sends as words.
std::vector<uint64_t> WordsOf(const stack_event& stack) {
  const size_t bytes =
      stack.hdr.size - std::min<size_t>(stack.hdr.size, offsetof(stack_event, addresses));
  const size_t sent = std::min<size_t>(bytes / sizeof(uint64_t), WS_STACK_WORDS);
  const size_t words = std::max<size_t>(sent, stack.count);
  return {stack.addresses, stack.addresses + words};
}

// Of the process, the class, the addresses and the Python frames, so that threads waiting alike
// share one stack.
uint64_t IdentityOf(const stack_event& stack) {
  constexpr uint64_t kFnvOffset = 0xcbf29ce484222325;
  constexpr uint64_t kFnvPrime = 0x100000001b3;
  uint64_t id = kFnvOffset;
  const auto mix = [&](uint64_t value) { id = (id ^ value) * kFnvPrime; };
  mix(stack.pid);
  mix(stack.stack_class);
  mix(stack.stop);
  for (const uint64_t word : WordsOf(stack)) {
    mix(word);
    id ^= id >> 32;
  }
  return id;
}

// In turns. Tables may be missing for long, where they found no room: the pauses double.
uint64_t PauseAfter(int tries, uint8_t stop) {
  if (tries < kTries) return 1;
  const bool may_come = stop == UNWIND_STOP_no_table || stop == UNWIND_STOP_no_process;
  return may_come ? uint64_t{1} << std::min(tries - kTries, kLongestPause) : UINT64_MAX / 2;
}

}  // namespace

bool OpenStacks::IsRead(const waiting_thread& waiting) const {
  const auto at = known_.find(KeyOf(waiting.thread));
  if (at == known_.end() || at->second.since_ns != waiting.since_ns) return false;
  return at->second.stack_class != UNWIND_CLASS_truncated || turn_ < at->second.again_at;
}

std::vector<waiting_thread> OpenStacks::Unread(std::vector<waiting_thread> waiting) {
  ++turn_;
  std::set<std::pair<ThreadKey, uint64_t>> open;
  for (const waiting_thread& one : waiting) open.insert({KeyOf(one.thread), one.since_ns});
  std::erase_if(known_, [&](const auto& row) {
    return !open.contains({row.first, row.second.since_ns});
  });
  std::erase_if(waiting, [&](const waiting_thread& one) { return IsRead(one); });
  std::ranges::sort(waiting, {}, &waiting_thread::since_ns);
  if (waiting.size() > kMostAtOnce) waiting.resize(kMostAtOnce);
  return waiting;
}

void OpenStacks::Add(OpenStack found) {
  Known& known = known_[KeyOf(found.waiting.thread)];
  const int tries = known.since_ns == found.waiting.since_ns ? known.tries + 1 : 1;
  known = {.since_ns = found.waiting.since_ns,
           .tries = tries,
           .again_at = turn_ + PauseAfter(tries, found.stack.stop),
           .id = IdentityOf(found.stack),
           .stack_class = found.stack.stack_class,
           .stop = found.stack.stop,
           .count = found.stack.count,
           .words = WordsOf(found.stack)};
}

stack_event OpenStacks::EventOf(uint32_t pid, const Known& known) {
  stack_event event{};
  event.hdr.kind = EVENT_stack;
  event.hdr.size = static_cast<uint32_t>(offsetof(stack_event, addresses) + 8 * known.words.size());
  event.id = known.id;
  event.pid = pid;
  event.count = known.count;
  event.stack_class = known.stack_class;
  event.stop = known.stop;
  std::ranges::copy(known.words, event.addresses);
  return event;
}

uint64_t OpenStacks::StackOf(const ledger_event& reading, uint32_t generation,
                             absl::FunctionRef<void(const Event&)> fold) {
  if (reading.totals.state != THREAD_blocked) return 0;
  const auto at = known_.find(KeyOf(reading.thread));
  if (at == known_.end() || at->second.since_ns != reading.totals.since_ns) return 0;
  Known& known = at->second;
  if (!known.told || known.told_generation != generation) {
    known.told = true;
    known.told_generation = generation;
    fold(EventOf(reading.thread.pid, known));
  }
  return known.id;
}

}  // namespace waitscope
