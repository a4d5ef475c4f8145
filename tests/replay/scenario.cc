#include "tests/replay/scenario.h"

#include <array>
#include <cctype>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using Words = std::vector<std::string>;

constexpr std::array<const char*, WAIT_CLASS_COUNT> kClasses{
    "other", "disk",       "network", "lock",   "sleep", "poll",
    "pipe",  "page-fault", "reclaim", "commit", "child"};

absl::Status Bad(std::string_view what, const std::string& word) {
  return absl::InvalidArgumentError(absl::StrCat("unknown ", std::string(what), " ", word));
}

absl::StatusOr<uint64_t> Number(const std::string& word) {
  uint64_t value = 0;
  const bool hex = word.starts_with("0x");
  if (!(hex ? absl::SimpleHexAtoi(word, &value) : absl::SimpleAtoi(word, &value))) {
    return Bad("number", word);
  }
  return value;
}

absl::StatusOr<uint64_t> TimeNs(const std::string& word) {
  const size_t unit_at = word.find_first_not_of("0123456789");
  const std::string unit = unit_at == std::string::npos ? "" : word.substr(unit_at);
  const auto value = Number(word.substr(0, unit_at));
  if (!value.ok()) return value;
  if (unit == "ns") return *value;
  if (unit == "us") return *value * 1000;
  if (unit == "ms") return *value * kMs;
  if (unit == "s") return *value * 1000 * kMs;
  return Bad("time", word);
}

// PID/TID
absl::StatusOr<ThreadKey> IdOf(const std::string& word) {
  const Words ids = absl::StrSplit(word, '/');
  const auto pid = Number(ids[0]);
  const auto tid = Number(ids.back());
  if (ids.size() != 2 || !pid.ok() || !tid.ok()) return Bad("thread", word);
  return ThreadKey{.pid = static_cast<uint32_t>(*pid), .tid = static_cast<uint32_t>(*tid)};
}

absl::StatusOr<wait_class> ClassOf(const std::string& word) {
  for (size_t cls = 0; cls < kClasses.size(); ++cls) {
    if (word == kClasses[cls]) return static_cast<wait_class>(cls);
  }
  return Bad("wait class", word);
}

absl::StatusOr<waker_context> ContextOf(const std::string& word) {
  if (word == "task") return WAKER_task;
  if (word == "interrupt") return WAKER_interrupt;
  return Bad("waker context", word);
}

class Reader {
 public:
  absl::Status Line(const Words& words) {
    const std::string& first = words[0];
    if (first == "period" && words.size() == 2) return Period(words[1]);
    if (first == "stack" && words.size() == 3) return AddStack(words);
    if (first == "thread" && words.size() == 4) return AddThread(words);
    if (words.size() < 2) return Bad("line", first);
    const auto now = TimeNs(first);
    if (!now.ok()) return now.status();
    if (words[1] == "tick" && words.size() == 2) return Tick(*now);
    if (words[1] == "loss" && words.size() == 4) return AddLoss(words);
    if (words[1] == "late" && words.size() == 3) return SendLate(words[2]);
    return Step(*now, words);
  }

  Scenario Take() && { return std::move(scenario_); }

 private:
  struct Actor {
    std::vector<Event> log;
    std::unique_ptr<Timeline> timeline;
    std::string comm;
    std::vector<Event> held;  // until "late"
  };

  // The agent numbers its windows for the kernel, which keeps one maximum for each.
  absl::Status Tick(uint64_t now) {
    scenario_.events.emplace_back(TickAt(now));
    ++epoch_;
    for (auto& [name, actor] : actors_) actor.timeline->Epoch(epoch_);
    return absl::OkStatus();
  }

  absl::Status Period(const std::string& word) {
    const auto period = TimeNs(word);
    if (period.ok()) period_ns_ = *period;
    return period.status();
  }

  absl::Status AddStack(const Words& words) {
    const auto id = Number(words[1]);
    if (!id.ok()) return id.status();
    std::vector<uint64_t> addresses;
    Stack& stack = scenario_.names[*id];
    for (const std::string& symbol : Words(absl::StrSplit(words[2], ';'))) {
      addresses.push_back(*id * 1000 + addresses.size());
      Frame& frame = stack.frames.emplace_back();
      frame.address = addresses.back();
      frame.symbol = symbol;
    }
    scenario_.events.emplace_back(StackWith(*id, 0, addresses));
    return absl::OkStatus();
  }

  absl::Status AddThread(const Words& words) {
    const auto key = IdOf(words[2]);
    if (!key.ok()) return key.status();
    Actor& actor = actors_[words[1]];
    actor.comm = words[3];
    actor.timeline = std::make_unique<Timeline>(actor.log, key->pid, key->tid, actor.comm);
    actor.timeline->Period(period_ns_);
    return absl::OkStatus();
  }

  absl::Status AddLoss(const Words& words) {
    const auto reason = Number(words[2]);
    const auto count = Number(words[3]);
    if (!reason.ok() || !count.ok() || *reason >= LOST_REASON_COUNT) return Bad("loss", words[2]);
    scenario_.events.emplace_back(LossOf(static_cast<loss_reason>(*reason), *count));
    return absl::OkStatus();
  }

  absl::Status SendLate(const std::string& name) {
    Actor& actor = actors_[name];
    if (actor.held.empty()) return Bad("late wait of", name);
    scenario_.events.insert(scenario_.events.end(), actor.held.begin(), actor.held.end());
    actor.held.clear();
    return absl::OkStatus();
  }

  absl::Status Step(uint64_t now, const Words& words) {
    const auto actor = actors_.find(words[1]);
    if (actor == actors_.end() || words.size() < 3) return Bad("thread", words[1]);
    const Words options(words.begin() + 3, words.end());
    absl::Status status = Act(*actor->second.timeline, now, words[2], options);
    const bool held = !options.empty() && options.back() == "held";
    std::vector<Event>& to = held ? actor->second.held : scenario_.events;
    to.insert(to.end(), actor->second.log.begin(), actor->second.log.end());
    actor->second.log.clear();
    return status;
  }

  static absl::Status Act(Timeline& thread, uint64_t now, const std::string& verb,
                          const Words& options) {
    if (verb == "born") thread.BornAt(now);
    if (verb == "runs") thread.RunAt(now);
    if (verb == "preempted") thread.PreemptAt(now);
    if (verb == "read") thread.ReadAt(now);
    if (verb == "exits") thread.ExitAt(now);
    if (verb == "seeded") return Seed(thread, now, options);
    if (verb == "blocks") return Block(thread, now, options);
    if (verb == "wakes") return Wake(thread, now, options);
    const bool known = verb == "born" || verb == "runs" || verb == "preempted" || verb == "read" ||
                       verb == "exits";
    return known ? absl::OkStatus() : Bad("verb", verb);
  }

  static absl::Status Seed(Timeline& thread, uint64_t now, const Words& options) {
    if (options.empty()) {
      thread.SeedAt(now);
      return absl::OkStatus();
    }
    const auto cls = ClassOf(options[0]);
    if (cls.ok()) thread.SeedAt(now, THREAD_blocked, *cls);
    return cls.status();
  }

  static absl::Status Block(Timeline& thread, uint64_t now, const Words& options) {
    if (options.empty()) return Bad("wait class", "(none)");
    const auto cls = ClassOf(options[0]);
    if (!cls.ok()) return cls.status();
    uint64_t kernel = 0;
    uint64_t user = 0;
    wait_object object{};
    for (size_t index = 1; index < options.size(); ++index) {
      const std::pair<std::string, std::string> option = absl::StrSplit(options[index], '=');
      const auto value = Number(option.second);
      if (!value.ok()) return value.status();
      if (option.first == "kernel") kernel = *value;
      if (option.first == "user") user = *value;
      if (option.first == "futex") object = FutexAt(*value);
    }
    thread.Stacks(kernel, user).On(object).WokenBy(0, 0, "", WAKER_none).BlockAt(now, *cls);
    return absl::OkStatus();
  }

  // by=PID/TID:COMM:CONTEXT
  static absl::Status Wake(Timeline& thread, uint64_t now, const Words& options) {
    thread.WakeAt(now);
    if (options.empty()) return absl::OkStatus();
    const Words waker = absl::StrSplit(options[0].substr(options[0].find('=') + 1), ':');
    if (waker.size() != 3) return Bad("waker", options[0]);
    const auto key = IdOf(waker[0]);
    const auto context = ContextOf(waker[2]);
    if (!key.ok()) return key.status();
    if (!context.ok()) return context.status();
    thread.WokenBy(key->pid, key->tid, waker[1], *context);
    return absl::OkStatus();
  }

  Scenario scenario_;
  std::map<std::string, Actor> actors_;
  uint64_t period_ns_ = kAlways;
  uint32_t epoch_ = 0;
};

}  // namespace

absl::StatusOr<Scenario> ReadScenario(std::istream& in) {
  Reader reader;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string text = line.substr(0, line.find('#'));
    const Words words = absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.empty()) continue;
    const absl::Status status = reader.Line(words);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", status.message()));
    }
  }
  return std::move(reader).Take();
}

}  // namespace waitscope
