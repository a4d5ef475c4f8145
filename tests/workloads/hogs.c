/* Threads that never block, all on one CPU: each runs a share of the time and is runnable for the
 * rest of it. */
#include <stdlib.h>

#include "truth.h"

enum { THREADS, CPU };
static struct truth_knob knobs[] = {
    [THREADS] = {.name = "--threads", .help = "spinning threads", .value = 2},
    [CPU] = {.name = "--cpu", .help = "the CPU they share", .value = 0},
};

static void* spin(void* argument) {
  struct truth_thread* self = argument;
  truth_pin((int)knobs[CPU].value);
  truth_thread_begin(self, "hog");
  const uint64_t since_ns = truth_now_ns();
  while (truth_running()) truth_spin_ns(1000000);
  truth_add(&self->ops[0], "spin", since_ns);
  truth_thread_end(self);
  return NULL;
}

int main(int argc, char** argv) {
  truth_start(argc, argv, knobs, 2);
  const int count = (int)knobs[THREADS].value;
  struct truth_thread* threads = calloc((size_t)count, sizeof(*threads));
  truth_release();
  truth_run_threads(spin, threads, sizeof(*threads), count);
  return truth_finish("hogs", threads, count, NULL);
}
