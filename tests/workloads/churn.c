/* Many short threads, a few at a time: each is born, sleeps once and dies. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

enum { COUNT, PARALLEL, SLEEP_US };
static struct truth_knob knobs[] = {
    [COUNT] = {.name = "--count", .help = "threads in all", .value = 10000},
    [PARALLEL] = {.name = "--parallel", .help = "alive at a time", .value = 16},
    [SLEEP_US] = {.name = "--sleep-us", .help = "the sleep of each", .value = 1000},
};

static void* live(void* argument) {
  struct truth_thread* self = argument;
  truth_thread_begin(self, "mayfly");
  const uint64_t since_ns = truth_now_ns();
  truth_sleep_ns((uint64_t)(knobs[SLEEP_US].value * 1000));
  truth_add(&self->ops[0], "sleep", since_ns);
  truth_thread_end(self);
  return NULL;
}

/* What every thread but the calling one used: their deaths included, which they cannot stamp. */
static uint64_t cpu_of_others_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec - truth_cpu_ns();
}

/* A joined thread still has most of its death before it. */
static void wait_until_gone(const struct truth_thread* threads, int count) {
  for (int i = 0; i < count; i++) {
    while (tgkill(getpid(), threads[i].tid, 0) == 0) truth_sleep_ns(50000);
  }
}

/* Ten thousand rows would say no more than their sum. */
static struct truth_thread sum_of(const struct truth_thread* threads, int count) {
  struct truth_thread sum = {.role = "mayfly", .cpu_ns = cpu_of_others_ns()};
  for (int i = 0; i < count; i++) {
    const struct truth_thread* thread = &threads[i];
    sum.pid = thread->pid;
    sum.end_ns += thread->end_ns - thread->begin_ns;
    sum.run_delay_ns += thread->run_delay_ns;
    sum.blocked_ns += thread->blocked_ns;
    sum.asked_ns += thread->asked_ns;
    sum.voluntary += thread->voluntary;
    sum.involuntary += thread->involuntary;
    sum.ops[0].name = thread->ops[0].name;
    sum.ops[0].ns += thread->ops[0].ns;
    sum.ops[0].count += thread->ops[0].count;
  }
  return sum;
}

int main(int argc, char** argv) {
  char extra[64];
  int born = 0;
  uint64_t outer_ns = 0;
  truth_start(argc, argv, knobs, 3);
  const int count = (int)knobs[COUNT].value, parallel = (int)knobs[PARALLEL].value;
  struct truth_thread* threads = calloc((size_t)count, sizeof(*threads));
  truth_release();
  while (born < count && truth_running()) {
    const int batch = count - born < parallel ? count - born : parallel;
    const uint64_t since_ns = truth_now_ns();
    truth_run_threads(live, &threads[born], sizeof(*threads), batch);
    wait_until_gone(&threads[born], batch);
    outer_ns += (uint64_t)batch * (truth_now_ns() - since_ns);
    born += batch;
  }
  struct truth_thread sum = sum_of(threads, born);
  sum.outer_ns = outer_ns;
  snprintf(extra, sizeof(extra), "\"born\":%d,\"summed\":true", born);
  return truth_finish("churn", &sum, 1, extra);
}
