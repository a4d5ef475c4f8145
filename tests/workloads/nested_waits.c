/* Threads that wait at the bottom of deep call chains, compiled as distributions compile: without
 * frame pointers. Each thread waits in its own way; every function on the way has a name that a
 * whole stack must show, in order. */
#define _GNU_SOURCE
#include <alloca.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

#define NOINLINE __attribute__((noinline))
#define LENGTH_NS 2000000

enum { DEPTH };
static struct truth_knob knobs[] = {
    [DEPTH] = {.name = "--depth", .help = "recursion of the thread `deep`", .value = 150},
};

struct worker {
  struct truth_thread truth; /* first: truth_run_threads passes these */
  void (*wait)(struct worker*);
  const char* role;
  uint32_t futex_word;
  int timer_fd;
  jmp_buf back;
};

static volatile uint64_t sink; /* what the calls below are for, as far as the compiler knows */

static NOINLINE void sleep_here(void) {
  const struct timespec length = {.tv_nsec = LENGTH_NS};
  nanosleep(&length, NULL);
  sink++;
}

static NOINLINE void wait_on_futex(struct worker* self) {
  const struct timespec length = {.tv_nsec = LENGTH_NS};
  syscall(SYS_futex, &self->futex_word, FUTEX_WAIT_PRIVATE, 0, &length, NULL, 0);
  sink++;
}

static NOINLINE void wait_in_read(struct worker* self) {
  const struct itimerspec once = {.it_value = {.tv_nsec = LENGTH_NS}};
  uint64_t expirations;
  timerfd_settime(self->timer_fd, 0, &once, NULL);
  truth_require(read(self->timer_fd, &expirations, sizeof(expirations)) > 0, "read the timer");
  sink++;
}

static NOINLINE void wait_in_sleep(struct worker* self) {
  sleep_here();
  sink += self->futex_word;
}

/* Twenty functions, each with locals that stay alive over its call. */
#define LINK(name, next)                                             \
  static NOINLINE uint64_t name(struct worker* self, uint64_t sum) { \
    uint64_t mine[4] = {sum, sum ^ sink, sum * 3, sum + 7};          \
    sum = next(self, sum + mine[0]);                                 \
    return sum ^ mine[1] ^ mine[2] ^ mine[3];                        \
  }
static NOINLINE uint64_t link_20(struct worker* self, uint64_t sum) {
  self->wait(self);
  return sum + sink;
}
LINK(link_19, link_20)
LINK(link_18, link_19)
LINK(link_17, link_18)
LINK(link_16, link_17)
LINK(link_15, link_16)
LINK(link_14, link_15)
LINK(link_13, link_14)
LINK(link_12, link_13)
LINK(link_11, link_12)
LINK(link_10, link_11)
LINK(link_09, link_10)
LINK(link_08, link_09)
LINK(link_07, link_08)
LINK(link_06, link_07)
LINK(link_05, link_06)
LINK(link_04, link_05)
LINK(link_03, link_04)
LINK(link_02, link_03)
LINK(link_01, link_02)

/* A frame of a size that only its frame pointer tells. */
static NOINLINE void wait_under_alloca(struct worker* self) {
  const size_t bytes = 100 + (sink * 4096 & 0xffff);
  char* room = alloca(bytes);
  memset(room, (int)sink, bytes);
  sleep_here();
  sink += (uint64_t)room[bytes / 2] + self->futex_word;
}

/* The call is its caller's last instruction: the return address lies in the next function. */
static NOINLINE __attribute__((noreturn)) void never_returns(struct worker* self) {
  sleep_here();
  longjmp(self->back, 1);
}

static NOINLINE void calls_what_never_returns(struct worker* self) {
  sink++;
  never_returns(self);
}

static NOINLINE void wait_without_return(struct worker* self) {
  if (setjmp(self->back) == 0) calls_what_never_returns(self);
  sink++;
}

static NOINLINE uint64_t descend(struct worker* self, uint64_t left) {
  if (left == 0) {
    sleep_here();
    return sink;
  }
  return descend(self, left - 1) * 3 + sink;
}

static NOINLINE void handler_waits(int number) {
  sleep_here();
  sink += (uint64_t)number;
}

static void on_signal(int number) {
  handler_waits(number);
  sink++;
}

static NOINLINE void wait_in_handler(struct worker* self) {
  pthread_kill(pthread_self(), SIGUSR1);
  sink += self->futex_word;
}

static NOINLINE void wait_on_other_stack(struct worker* self) {
  pthread_kill(pthread_self(), SIGUSR2);
  sink += self->futex_word;
}

static void install_handlers(void) {
  struct sigaction action = {.sa_handler = on_signal};
  truth_require(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
  action.sa_flags = SA_ONSTACK;
  truth_require(sigaction(SIGUSR2, &action, NULL) == 0, "sigaction");
}

static void* work(void* argument) {
  struct worker* self = argument;
  const stack_t other = {.ss_sp = malloc(65536), .ss_size = 65536};
  truth_require(sigaltstack(&other, NULL) == 0, "sigaltstack");
  self->timer_fd = timerfd_create(CLOCK_MONOTONIC, 0);
  truth_thread_begin(&self->truth, self->role);
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    sink += self->wait ? link_01(self, since_ns) : descend(self, (uint64_t)knobs[DEPTH].value);
    truth_add(&self->truth.ops[0], "wait", since_ns);
  }
  truth_thread_end(&self->truth);
  return NULL;
}

int main(int argc, char** argv) {
  static struct worker workers[] = {
      {.role = "sleep", .wait = wait_in_sleep},
      {.role = "futex", .wait = wait_on_futex},
      {.role = "read", .wait = wait_in_read},
      {.role = "alloca", .wait = wait_under_alloca},
      {.role = "noreturn", .wait = wait_without_return},
      {.role = "handler", .wait = wait_in_handler},
      {.role = "altstack", .wait = wait_on_other_stack},
      {.role = "deep"},
  };
  const int count = sizeof(workers) / sizeof(workers[0]);
  truth_start(argc, argv, knobs, 1);
  install_handlers();
  truth_release();
  truth_run_threads(work, workers, sizeof(workers[0]), count);
  struct truth_thread threads[sizeof(workers) / sizeof(workers[0])];
  for (int i = 0; i < count; i++) threads[i] = workers[i].truth;
  return truth_finish("nested_waits", threads, count, NULL);
}
