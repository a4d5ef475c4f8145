#include "agent/publisher.h"

#include <malloc.h>
#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "agent/core/refine.h"

namespace waitscope {
namespace {

constexpr size_t kMaxHints = 4096;
constexpr size_t kMaxWindows = 2;

}  // namespace

Publisher::Publisher(Symbolizer& symbolizer, History& history, StandingDiagnosis& diagnosis,
                     Options options, bool patient)
    : history_(history),
      diagnosis_(diagnosis),
      options_(std::move(options)),
      patient_(patient),
      cache_(symbolizer, options_.cache_bytes, options_.arrivals),
      thread_([this] { Run(); }) {}

Publisher::~Publisher() { Stop(); }

void Publisher::AddHint(Hint hint) {
  {
    const std::lock_guard lock(mutex_);
    if (hints_.size() >= kMaxHints) return;
    hints_.push_back(std::move(hint));
  }
  changed_.notify_all();
}

void Publisher::Remember(uint32_t pid) {
  if (options_.remember) AddHint({.pid = pid, .stack = {}});
}

void Publisher::ResolveEarly(RawStack stack) { AddHint({.pid = 0, .stack = std::move(stack)}); }

void Publisher::Publish(Window window) {
  {
    std::unique_lock lock(mutex_);
    if (patient_) {
      changed_.wait(lock, [this] { return windows_.size() < kMaxWindows || stopping_; });
    }
    if (windows_.size() < kMaxWindows) {
      windows_.push_back(std::move(window));
    } else {
      Window& waiting = windows_.back();
      Merge(waiting.snapshot, window.snapshot);
      std::ranges::move(window.stacks, std::back_inserter(waiting.stacks));
    }
  }
  changed_.notify_all();
}

void Publisher::Drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [this] { return stopping_ || (hints_.empty() && windows_.empty() && !busy_); });
}

void Publisher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Publisher::Run() {
  pthread_setname_np(pthread_self(), "ws-publish");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !hints_.empty() || !windows_.empty() || stopping_; });
    if (stopping_) return;
    const std::vector<Hint> hints = std::exchange(hints_, {});
    std::optional<Window> window;
    if (!windows_.empty()) {
      window = std::move(windows_.front());
      windows_.pop_front();
    }
    busy_ = true;
    lock.unlock();
    Follow(hints);
    if (window) Append(*std::move(window));
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

void Publisher::Follow(const std::vector<Hint>& hints) {
  for (const Hint& hint : hints) {
    if (hint.pid != 0) {
      options_.remember(hint.pid);
    } else {
      cache_.Resolve(hint.stack);
    }
  }
}

void Publisher::Append(Window window) {
  for (const auto& raw : window.stacks) {
    window.snapshot.stacks.try_emplace(raw->id, cache_.Resolve(*raw));
  }
  Refine(window.snapshot);
  diagnosis_.BeforeAppending(window.snapshot);
  history_.Append(std::move(window.snapshot),
                  cache_.bytes() + window.table_bytes + diagnosis_.log().bytes());
  diagnosis_.AfterAppending(history_);
  // Also what answers have left behind: 1 ms. Asking first how much is free takes as long, and
  // counts what has been given back already.
  malloc_trim(0);
}

}  // namespace waitscope
