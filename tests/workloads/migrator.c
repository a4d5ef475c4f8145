/* A sleeping thread whose allowed CPU another thread changes all the time, so that it goes to
 * sleep on one CPU and wakes on another. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "truth.h"

enum { LENGTH_US, MOVE_US };
static struct truth_knob knobs[] = {
    [LENGTH_US] = {.name = "--length-us", .help = "length of each sleep", .value = 5000},
    [MOVE_US] = {.name = "--move-us", .help = "time between two moves", .value = 1500},
};
static atomic_int sleeper_tid;
static uint64_t migrations;

static void* sleep_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  truth_thread_begin(self, "migrant");
  atomic_store(&sleeper_tid, self->tid);
  while (truth_running()) {
    const int before = sched_getcpu();
    const uint64_t since_ns = truth_now_ns();
    truth_sleep_ns((uint64_t)(knobs[LENGTH_US].value * 1000));
    truth_add(&self->ops[0], "sleep", since_ns);
    migrations += sched_getcpu() != before;
  }
  atomic_store(&sleeper_tid, 0);
  truth_thread_end(self);
  return NULL;
}

static void* move_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t set;
  truth_thread_begin(self, "mover");
  for (int cpu = 0; truth_running(); cpu = (cpu + 1) % cpus) {
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (atomic_load(&sleeper_tid)) sched_setaffinity(sleeper_tid, sizeof(set), &set);
    const uint64_t since_ns = truth_now_ns();
    truth_sleep_ns((uint64_t)(knobs[MOVE_US].value * 1000));
    truth_add(&self->ops[0], "sleep", since_ns);
  }
  truth_thread_end(self);
  return NULL;
}

struct actor {
  struct truth_thread truth;
  void* (*body)(void*);
};

static void* act(void* argument) { return ((struct actor*)argument)->body(argument); }

int main(int argc, char** argv) {
  struct actor actors[] = {{.body = sleep_repeatedly}, {.body = move_repeatedly}};
  char extra[96];
  truth_start(argc, argv, knobs, 2);
  truth_release();
  truth_run_threads(act, actors, sizeof(actors[0]), 2);
  const struct truth_thread threads[] = {actors[0].truth, actors[1].truth};
  snprintf(extra, sizeof(extra), "\"migrations\":%llu,\"moved\":%d", (unsigned long long)migrations,
           actors[0].truth.tid);
  return truth_finish("migrator", threads, 2, extra);
}
