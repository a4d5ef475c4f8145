// The thread that names stacks, looks for findings and puts finished windows into the history.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/core/stack.h"
#include "agent/core/window_builder.h"
#include "agent/diagnosis.h"
#include "agent/history.h"
#include "agent/stack_cache.h"

namespace waitscope {

class Publisher {
 public:
  struct Options {
    std::function<void(uint32_t pid)> remember;  // may be empty
    StackCache::Arrivals arrivals;               // may be empty
    size_t cache_bytes = 4 << 20;
  };

  // `patient`: Publish waits when the thread is behind, and each window stays one.
  Publisher(Symbolizer& symbolizer, History& history, StandingDiagnosis& diagnosis, Options options,
            bool patient);
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher();

  // Both before the process can exit: reads its mappings, names one of its stacks. Hints: when
  // too many wait they are dropped, and the stack is named with its window.
  void Remember(uint32_t pid);
  void ResolveEarly(RawStack stack);
  // When the thread is behind and not patient, waiting windows are merged: nothing is lost, and
  // memory is bounded.
  void Publish(Window window);

  // Waits until all that was handed over is published, or Stop is called.
  void Drain();
  // Drops what waits and ends the thread.
  void Stop();

 private:
  struct Hint {
    uint32_t pid = 0;  // 0: it is a stack
    RawStack stack;
  };

  void Run();
  void AddHint(Hint hint);
  void Follow(const std::vector<Hint>& hints);
  void Append(Window window);

  History& history_;
  StandingDiagnosis& diagnosis_;
  const Options options_;
  const bool patient_;
  StackCache cache_;  // of the thread
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Hint> hints_;
  std::deque<Window> windows_;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace waitscope
