/* A thousand threads and more, each on one CPU. Idle: each sleeps long and works a little. Loaded:
 * pairs of them push messages through pipes as fast as they can, as hackbench does. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "truth.h"

enum { THREADS, LOAD, SLEEP_MS, WORK_US };
static struct truth_knob knobs[] = {
    [THREADS] = {.name = "--threads", .help = "threads", .value = 1000},
    [LOAD] = {.name = "--load", .help = "1: pairs that push messages through pipes", .value = 0},
    [SLEEP_MS] = {.name = "--sleep-ms", .help = "mean sleep of an idle thread", .value = 60},
    [WORK_US] = {.name = "--work-us", .help = "work after each sleep", .value = 20},
};

/* Without a common start the first pairs would leave the last threads no time to be born. */
static pthread_barrier_t everybody_is_born;

struct member {
  struct truth_thread truth;
  int pipe_end;
  bool sends;
  int cpu;
};

static void idle(struct member* self) {
  unsigned seed = (unsigned)self->truth.tid;
  while (truth_running()) {
    const uint64_t mean_ns = (uint64_t)(knobs[SLEEP_MS].value * 1e6);
    const uint64_t since_ns = truth_now_ns();
    truth_sleep_ns(mean_ns / 2 + (uint64_t)rand_r(&seed) % mean_ns);
    truth_add(&self->truth.ops[0], "sleep", since_ns);
    truth_spin_ns((uint64_t)(knobs[WORK_US].value * 1000));
  }
}

/* Closing the sending end is what stops the receiver, so neither can be left behind. */
static void push_messages(struct member* self) {
  char message[100] = {0};
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    truth_require(write(self->pipe_end, message, sizeof(message)) == sizeof(message), "write");
    truth_add(&self->truth.ops[0], "pipe", since_ns);
  }
  close(self->pipe_end);
}

static void take_messages(struct member* self) {
  char message[100];
  ssize_t got;
  do {
    const uint64_t since_ns = truth_now_ns();
    got = read(self->pipe_end, message, sizeof(message));
    truth_add(&self->truth.ops[0], "pipe", since_ns);
  } while (got > 0);
  close(self->pipe_end);
}

static void* run(void* argument) {
  struct member* self = argument;
  const bool load = knobs[LOAD].value > 0;
  truth_pin(self->cpu);
  truth_thread_begin(&self->truth, !load ? "idler" : self->sends ? "sender" : "receiver");
  const uint64_t since_ns = truth_now_ns();
  pthread_barrier_wait(&everybody_is_born);
  truth_add(&self->truth.ops[1], "lock", since_ns);
  if (!load) {
    idle(self);
  } else if (self->sends) {
    push_messages(self);
  } else {
    take_messages(self);
  }
  truth_thread_end(&self->truth);
  return NULL;
}

int main(int argc, char** argv) {
  truth_start(argc, argv, knobs, 4);
  const int count = (int)knobs[THREADS].value / 2 * 2;
  const struct rlimit files = {.rlim_cur = (rlim_t)count + 64, .rlim_max = (rlim_t)count + 64};
  struct member* members = calloc((size_t)count, sizeof(*members));
  struct truth_thread* threads = calloc((size_t)count, sizeof(*threads));
  setrlimit(RLIMIT_NOFILE, &files);
  for (int i = 0; knobs[LOAD].value > 0 && i < count; i += 2) {
    int ends[2];
    truth_require(pipe(ends) == 0, "pipe");
    members[i] = (struct member){.pipe_end = ends[1], .sends = true};
    members[i + 1] = (struct member){.pipe_end = ends[0]};
  }
  /* From 6.12 on a sleeper may lie in its queue for a while, and when the load balancer moves it
   * the kernel starts its run delay in the middle of its sleep. */
  const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
  for (int i = 0; i < count; i++) members[i].cpu = i / 2 % cpus;
  pthread_barrier_init(&everybody_is_born, NULL, (unsigned)count);
  truth_release();
  truth_run_threads(run, members, sizeof(*members), count);
  for (int i = 0; i < count; i++) threads[i] = members[i].truth;
  return truth_finish("many_threads", threads, count, NULL);
}
