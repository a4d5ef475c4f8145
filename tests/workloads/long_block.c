/* Threads blocked in one read from before `ready` is said until the program ends. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "truth.h"

enum { THREADS };
static struct truth_knob knobs[] = {
    [THREADS] = {.name = "--threads", .help = "blocked threads", .value = 3},
};
static int silent_pipe[2];

static void* block(void* argument) {
  struct truth_thread* self = argument;
  char byte;
  truth_thread_begin(self, "blocked");
  const uint64_t since_ns = truth_now_ns();
  while (read(silent_pipe[0], &byte, 1) > 0) {
  }
  truth_add(&self->ops[0], "pipe", since_ns);
  truth_thread_end(self);
  return NULL;
}

int main(int argc, char** argv) {
  pthread_t handles[1024];
  struct truth_thread threads[1024] = {0};
  truth_start(argc, argv, knobs, 1);
  const int count = (int)knobs[THREADS].value;
  truth_require(count <= 1024 && pipe(silent_pipe) == 0, "pipe");
  for (int i = 0; i < count; i++) {
    truth_require(pthread_create(&handles[i], NULL, block, &threads[i]) == 0, "pthread_create");
  }
  truth_sleep_ns(100000000);
  truth_release();
  while (truth_running()) truth_sleep_ns(20000000);
  close(silent_pipe[1]);
  for (int i = 0; i < count; i++) pthread_join(handles[i], NULL);
  return truth_finish("long_block", threads, count, NULL);
}
