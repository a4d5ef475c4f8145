/* Threads that sleep a known length, over and over. */
#include <stdlib.h>

#include "truth.h"

enum { THREADS, LENGTH_US, BY };
enum { BY_NANOSLEEP, BY_SELECT, BY_POLL };
static struct truth_knob knobs[] = {
    [THREADS] = {.name = "--threads", .help = "sleeping threads", .value = 4},
    [LENGTH_US] = {.name = "--length-us", .help = "length of each sleep", .value = 10000},
    [BY] = {.name = "--by", .help = "0: nanosleep; 1: select, 2: poll of nothing", .value = 0},
};

static void sleep_once(void) {
  const uint64_t length_ns = (uint64_t)(knobs[LENGTH_US].value * 1000);
  const int by = (int)knobs[BY].value;
  if (by == BY_NANOSLEEP)
    truth_sleep_ns(length_ns);
  else
    truth_sleep_in_poll_ns(by == BY_SELECT, length_ns);
}

static void* sleep_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  truth_thread_begin(self, "sleeper");
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    sleep_once();
    truth_add(&self->ops[0], "sleep", since_ns);
  }
  truth_thread_end(self);
  return NULL;
}

int main(int argc, char** argv) {
  char extra[64];
  truth_start(argc, argv, knobs, 3);
  const int count = (int)knobs[THREADS].value;
  struct truth_thread* threads = calloc((size_t)count, sizeof(*threads));
  truth_release();
  truth_run_threads(sleep_repeatedly, threads, sizeof(*threads), count);
  snprintf(extra, sizeof(extra), "\"length_ns\":%.0f", knobs[LENGTH_US].value * 1000);
  return truth_finish("sleeps", threads, count, extra);
}
