/* Threads that sleep a known length, over and over. */
#include <stdlib.h>

#include "truth.h"

enum { THREADS, LENGTH_US };
static struct truth_knob knobs[] = {
    [THREADS] = {.name = "--threads", .help = "sleeping threads", .value = 4},
    [LENGTH_US] = {.name = "--length-us", .help = "length of each sleep", .value = 10000},
};

static void* sleep_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  const uint64_t length_ns = (uint64_t)(knobs[LENGTH_US].value * 1000);
  truth_thread_begin(self, "sleeper");
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    truth_sleep_ns(length_ns);
    truth_add(&self->ops[0], "sleep", since_ns);
  }
  truth_thread_end(self);
  return NULL;
}

int main(int argc, char** argv) {
  char extra[64];
  truth_start(argc, argv, knobs, 2);
  const int count = (int)knobs[THREADS].value;
  struct truth_thread* threads = calloc((size_t)count, sizeof(*threads));
  truth_release();
  truth_run_threads(sleep_repeatedly, threads, sizeof(*threads), count);
  snprintf(extra, sizeof(extra), "\"length_ns\":%.0f", knobs[LENGTH_US].value * 1000);
  return truth_finish("sleeps", threads, count, extra);
}
