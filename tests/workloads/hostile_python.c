/* What calls itself CPython 3.11 and keeps its lists so that a walk of them never ends, or leads
 * nowhere. Each thread waits in what is called like the interpreter. */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

#define NOINLINE __attribute__((noinline))

/* Where CPython 3.11 has what is looked for (agent/python/layout.cc). */
enum {
  INTERPRETERS_HEAD = 40,
  THREADS_HEAD = 16,
  NEXT_THREAD = 8,
  CFRAME = 56,
  NATIVE_THREAD_ID = 160,
  CURRENT_FRAME = 8,
  PREVIOUS = 48,
};

const unsigned long Py_Version = 0x030b02f0;
char _PyRuntime[256];

static char interpreter[256];
static const uint64_t nowhere = 0x123456789000;
static volatile uint64_t sink;

struct worker {
  struct truth_thread truth; /* first: truth_run_threads passes these */
  const char* role;
  char state[256];
  char cframe[16];
  char frame[96];
};

static void set(char* object, int offset, const void* pointer) {
  memcpy(object + offset, &pointer, sizeof(pointer));
}

NOINLINE void _PyEval_EvalFrameDefault(void) {
  const struct timespec length = {.tv_nsec = 2000000};
  nanosleep(&length, NULL);
  sink++;
}

static void* work(void* argument) {
  struct worker* self = argument;
  const uint64_t tid = (uint64_t)gettid();
  truth_thread_begin(&self->truth, self->role);
  if (strcmp(self->role, "stranger") != 0)
    memcpy(self->state + NATIVE_THREAD_ID, &tid, sizeof(tid));
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    _PyEval_EvalFrameDefault();
    truth_add(&self->truth.ops[0], "wait", since_ns);
  }
  truth_thread_end(&self->truth);
  return NULL;
}

int main(int argc, char** argv) {
  static struct worker workers[] = {{.role = "cycle"}, {.role = "garbage"}, {.role = "stranger"}};
  const int count = sizeof(workers) / sizeof(workers[0]);
  truth_start(argc, argv, NULL, 0);
  set(_PyRuntime, INTERPRETERS_HEAD, interpreter);
  set(interpreter, 0, interpreter); /* the next one */
  set(interpreter, THREADS_HEAD, workers[0].state);
  for (int i = 0; i < count; i++) {
    set(workers[i].state, NEXT_THREAD, workers[(i + 1) % count].state);
    set(workers[i].state, CFRAME, workers[i].cframe);
    set(workers[i].cframe, CURRENT_FRAME, workers[i].frame);
    set(workers[i].frame, PREVIOUS, workers[i].frame);
  }
  memcpy(workers[1].cframe + CURRENT_FRAME, &nowhere, sizeof(nowhere));
  truth_release();
  truth_run_threads(work, workers, sizeof(workers[0]), count);
  struct truth_thread threads[sizeof(workers) / sizeof(workers[0])];
  for (int i = 0; i < count; i++) threads[i] = workers[i].truth;
  return truth_finish("hostile_python", threads, count, NULL);
}
