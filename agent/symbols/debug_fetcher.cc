#include "agent/symbols/debug_fetcher.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "agent/os/clock.h"

namespace waitscope {
namespace {

constexpr int kMoreTries = 3;
constexpr uint64_t kLongestNs = 3'600'000'000'000;  // wait_for counts from now: no overflow

}  // namespace

DebugFetcher::DebugFetcher(DebugStore store, Fetch fetch, Options options)
    : store_(std::move(store)),
      fetch_(std::move(fetch)),
      options_(options),
      thread_([this] { Run(); }) {}

DebugFetcher::~DebugFetcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_all();
  thread_.join();
}

void DebugFetcher::Want(const std::string& build_id) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(build_id);
    if (known != known_.end() && MonotonicNs() < known->second) return;
    if (CountWaiting() >= options_.max_waiting || !MakeRoom()) return;
    known_[build_id] = UINT64_MAX;
    waiting_.push_back({.build_id = build_id});
  }
  wanted_.notify_all();
}

// An answer that is forgotten before its time would be asked for again.
bool DebugFetcher::MakeRoom() {
  if (known_.size() < options_.max_known) return true;
  const uint64_t now = MonotonicNs();
  absl::erase_if(known_, [now](const auto& answer) { return answer.second <= now; });
  return known_.size() < options_.max_known;
}

std::vector<std::string> DebugFetcher::TakeArrived() {
  const std::lock_guard lock(mutex_);
  return std::exchange(arrived_, {});
}

DebugFetcher::Stats DebugFetcher::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.waiting = CountWaiting();
  return stats;
}

void DebugFetcher::Run() {
  pthread_setname_np(pthread_self(), "ws-debuginfod");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    uint64_t patience_ns = kLongestNs;
    std::optional<Wanted> wanted = TakeDue(MonotonicNs(), patience_ns);
    asking_ = wanted.has_value();
    if (!wanted) {
      wanted_.wait_for(lock, std::chrono::nanoseconds(patience_ns));
      continue;
    }
    lock.unlock();
    const absl::StatusOr<uint64_t> bytes = FetchNow(wanted->build_id);
    lock.lock();
    asking_ = false;
    Note(*std::move(wanted), bytes);
  }
}

std::optional<DebugFetcher::Wanted> DebugFetcher::TakeDue(uint64_t now_ns, uint64_t& patience_ns) {
  const auto due = std::ranges::min_element(waiting_, {}, &Wanted::not_before_ns);
  if (due == waiting_.end()) return std::nullopt;
  if (due->not_before_ns > now_ns) {
    patience_ns = due->not_before_ns - now_ns;
    return std::nullopt;
  }
  Wanted wanted = std::move(*due);
  waiting_.erase(due);
  return wanted;
}

absl::StatusOr<uint64_t> DebugFetcher::FetchNow(const std::string& build_id) const {
  store_.MakeRoom();
  const absl::StatusOr<std::string> file = fetch_(build_id, stopping_);
  if (!file.ok()) return file.status();
  return store_.Keep(*file, build_id);
}

void DebugFetcher::Note(Wanted wanted, const absl::StatusOr<uint64_t>& bytes) {
  ++stats_.asked;
  stats_.failing = !bytes.ok() && !absl::IsNotFound(bytes.status());
  known_[wanted.build_id] = MonotonicNs() + options_.stands_ns;
  if (bytes.ok()) {
    ++stats_.found;
    stats_.bytes += *bytes;
    arrived_.push_back(std::move(wanted.build_id));
    ++arrivals_;
  } else if (!stats_.failing) {
    ++stats_.missing;
  } else {
    ++stats_.failed;
    stats_.last_failure = std::string(bytes.status().message());
    if (absl::IsUnavailable(bytes.status())) TryAgain(std::move(wanted));
  }
}

void DebugFetcher::TryAgain(Wanted wanted) {
  if (wanted.tries == kMoreTries || CountWaiting() >= options_.max_waiting) return;
  known_[wanted.build_id] = UINT64_MAX;
  uint64_t pause_ns = options_.retry_ns;
  for (int tries = 0; tries < wanted.tries; ++tries) pause_ns *= 6;
  wanted.not_before_ns = MonotonicNs() + pause_ns;
  ++wanted.tries;
  waiting_.push_back(std::move(wanted));
}

}  // namespace waitscope
