/* Threads that queue for one mutex, whose holder sleeps or spins. */
#include <pthread.h>
#include <stdlib.h>

#include "truth.h"

enum { THREADS, HOLD_US, REST_US, SPIN, KEEPER_US };
static struct truth_knob knobs[] = {
    [THREADS] = {.name = "--threads", .help = "threads in the convoy", .value = 4},
    [HOLD_US] = {.name = "--hold-us", .help = "how long each holds the lock", .value = 2000},
    [REST_US] = {.name = "--rest-us",
                 .help = "sleep between two turns, so that the lock passes on",
                 .value = 200},
    [SPIN] = {.name = "--spin", .help = "1: the holder spins, 0: it sleeps", .value = 0},
    [KEEPER_US] = {.name = "--keeper-us",
                   .help = "how long the first thread holds it; 0: like the others",
                   .value = 0},
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct truth_thread* keeper; /* NULL: all are alike */

static uint64_t hold_ns_of(const struct truth_thread* self) {
  return (uint64_t)(knobs[self == keeper ? KEEPER_US : HOLD_US].value * 1000);
}

/* The C library keeps no frame pointers: a walk over them misses take_turn and names its caller. */
__attribute__((noinline)) static void take_turn(struct truth_thread* self) {
  const uint64_t since_ns = truth_now_ns();
  pthread_mutex_lock(&lock);
  truth_add(&self->ops[0], "lock", since_ns);
  const uint64_t held_ns = truth_now_ns();
  const uint64_t hold_ns = hold_ns_of(self);
  if (knobs[SPIN].value > 0) {
    truth_spin_ns(hold_ns);
    truth_add(&self->ops[1], "spin", held_ns);
  } else {
    truth_sleep_ns(hold_ns);
    truth_add(&self->ops[1], "sleep", held_ns);
  }
  pthread_mutex_unlock(&lock);
}

static void* queue_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  truth_thread_begin(self, self == keeper ? "keeper" : "convoy");
  while (truth_running()) {
    take_turn(self);
    const uint64_t since_ns = truth_now_ns();
    truth_sleep_ns((uint64_t)(knobs[REST_US].value * 1000));
    truth_add(&self->ops[2], "rest", since_ns);
  }
  truth_thread_end(self);
  return NULL;
}

int main(int argc, char** argv) {
  truth_start(argc, argv, knobs, 5);
  const int count = (int)knobs[THREADS].value;
  struct truth_thread* threads = calloc((size_t)count, sizeof(*threads));
  if (knobs[KEEPER_US].value > 0) keeper = &threads[0];
  truth_release();
  truth_run_threads(queue_repeatedly, threads, sizeof(*threads), count);
  return truth_finish("convoy", threads, count, NULL);
}
