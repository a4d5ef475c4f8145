// Threads that wait while exceptions are in flight: in destructors, handlers and std::terminate.
// Each waits in its own way; every function on the way has a name that a whole stack must show, in
// order.
#include <pthread.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#define NOINLINE __attribute__((noinline))

namespace {

volatile uint64_t sink;  // what the calls below are for, as far as the compiler knows

NOINLINE void sleep_here() {
  const timespec length = {0, 2'000'000};
  nanosleep(&length, nullptr);
  sink = sink + 1;
}

NOINLINE void throws() {
  if (sink != UINT64_MAX) throw std::runtime_error("as planned");
}

struct Guard {
  Guard() = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  NOINLINE ~Guard() {
    sleep_here();
    sink = sink + 1;
  }
};

// Its own exception comes and goes while another one is on its way.
struct BusyGuard {
  BusyGuard() = default;
  BusyGuard(const BusyGuard&) = delete;
  BusyGuard& operator=(const BusyGuard&) = delete;
  NOINLINE ~BusyGuard() {
    try {
      throws();
    } catch (const std::exception&) {
      sleep_here();
    }
  }
};

NOINLINE void holds_guard() {
  const Guard mine;
  throws();
}

NOINLINE void wait_in_destructor() {
  try {
    holds_guard();
  } catch (const std::exception&) {
    sink = sink + 1;
  }
}

NOINLINE void holds_busy_guard() {
  const BusyGuard mine;
  throws();
}

NOINLINE void wait_in_nested_handler() {
  try {
    holds_busy_guard();
  } catch (const std::exception&) {
    sink = sink + 1;
  }
}

NOINLINE void wait_in_handler() {
  try {
    throws();
  } catch (const std::exception&) {
    sleep_here();
    sink = sink + 1;
  }
}

NOINLINE void rethrows() {
  try {
    throws();
  } catch (...) {
    throw;
  }
}

NOINLINE void wait_after_rethrow() {
  try {
    rethrows();
  } catch (const std::exception&) {
    sleep_here();
    sink = sink + 1;
  }
}

struct Waiter {
  virtual ~Waiter() = default;
  virtual void Wait() = 0;
};

struct Sleeper : Waiter {
  NOINLINE void Wait() override {
    sleep_here();
    sink = sink + 1;
  }
};

NOINLINE void wait_through_function() {
  Sleeper sleeper;
  Waiter* volatile waiter = &sleeper;
  const std::function<void()> call = [&] {
    waiter->Wait();
    sink = sink + 1;
  };
  call();
  sink = sink + 1;
}

NOINLINE void wait_on_condition() {
  static std::mutex mutex;
  static std::condition_variable condition;
  std::unique_lock<std::mutex> lock(mutex);
  condition.wait_for(lock, std::chrono::milliseconds(2));
  sink = sink + 1;
}

[[noreturn]] NOINLINE void on_terminate() {
  for (;;) sleep_here();
}

NOINLINE void must_not_throw() noexcept {
  throws();
  sink = sink + 1;
}

NOINLINE void wait_in_terminate() {
  must_not_throw();
  sink = sink + 1;
}

NOINLINE void RunForever(const char* name, void (*wait)()) {
  pthread_setname_np(pthread_self(), name);
  for (;;) {
    wait();
    sink = sink + 1;
  }
}

}  // namespace

int main() {
  std::set_terminate(on_terminate);
  std::vector<std::thread> threads;
  threads.emplace_back(RunForever, "destructor", wait_in_destructor);
  threads.emplace_back(RunForever, "nested", wait_in_nested_handler);
  threads.emplace_back(RunForever, "handler", wait_in_handler);
  threads.emplace_back(RunForever, "rethrow", wait_after_rethrow);
  threads.emplace_back(RunForever, "function", wait_through_function);
  threads.emplace_back(RunForever, "condition", wait_on_condition);
  threads.emplace_back(RunForever, "terminate", wait_in_terminate);
  for (std::thread& thread : threads) thread.join();
}
