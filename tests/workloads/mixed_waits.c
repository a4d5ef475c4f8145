/* Short and long sleeps from two call paths that a profile can tell apart. The test of sampling:
 * the short ones are far below the sampling period, the long ones far above. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/prctl.h>

#include "truth.h"

enum { THREADS, SHORT_PER_LONG };
static struct truth_knob knobs[] = {
    [THREADS] = {.name = "--threads", .help = "sleeping threads", .value = 2},
    [SHORT_PER_LONG] = {.name = "--short-per-long",
                        .help = "short sleeps for each long one",
                        .value = 100},
};

static uint64_t between(unsigned* seed, uint64_t low, uint64_t high) {
  return low + (uint64_t)rand_r(seed) % (high - low);
}

/* The C library keeps no frame pointers, so its caller is missing from a walk over them: the paths
 * are told apart one frame further out. */
__attribute__((noinline)) static void wait_for(struct truth_op* op, const char* name,
                                               uint64_t length_ns) {
  const uint64_t since_ns = truth_now_ns();
  truth_sleep_ns(length_ns);
  truth_add(op, name, since_ns);
}

__attribute__((noinline)) void short_path(struct truth_thread* self, unsigned* seed) {
  wait_for(&self->ops[0], "short", between(seed, 20000, 200000));
  __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void long_path(struct truth_thread* self, unsigned* seed) {
  wait_for(&self->ops[1], "long", between(seed, 2000000, 10000000));
  __asm__ volatile("" ::: "memory");
}

static void* wait_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  unsigned seed = (unsigned)(uintptr_t)argument;
  prctl(PR_SET_TIMERSLACK, 1);
  truth_thread_begin(self, "mixed");
  while (truth_running()) {
    for (int i = 0; i < (int)knobs[SHORT_PER_LONG].value && truth_running(); i++) {
      short_path(self, &seed);
    }
    long_path(self, &seed);
  }
  truth_thread_end(self);
  return NULL;
}

int main(int argc, char** argv) {
  truth_start(argc, argv, knobs, 2);
  const int count = (int)knobs[THREADS].value;
  struct truth_thread* threads = calloc((size_t)count, sizeof(*threads));
  truth_release();
  truth_run_threads(wait_repeatedly, threads, sizeof(*threads), count);
  return truth_finish("mixed_waits", threads, count, NULL);
}
