/* Two threads, or a process and its child, that pass one byte to and fro through two pipes. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

enum { CPU, PROCESSES };
static struct truth_knob knobs[] = {
    [CPU] = {.name = "--cpu", .help = "pin both sides to this CPU; -1: do not pin", .value = -1},
    [PROCESSES] = {.name = "--processes", .help = "1: two processes, 0: two threads", .value = 0},
};

struct side {
  struct truth_thread truth;
  int from;
  int to;
  bool serves;
};
static struct side* sides;

static bool pass(struct side* self, char* byte) {
  const uint64_t since_ns = truth_now_ns();
  if (read(self->from, byte, 1) != 1) return false;
  truth_add(&self->truth.ops[0], "pipe", since_ns);
  return true;
}

/* A zero byte is the end of the game: the server of the ball sends it when the time is over. */
static void* play(void* argument) {
  struct side* self = argument;
  char byte = 1;
  truth_pin((int)knobs[CPU].value);
  truth_thread_begin(&self->truth, self->serves ? "ping" : "pong");
  if (self->serves) truth_require(write(self->to, &byte, 1) == 1, "write");
  while (pass(self, &byte) && byte) {
    if (self->serves) byte = truth_running();
    truth_require(write(self->to, &byte, 1) == 1, "write");
    if (self->serves && !byte) break;
  }
  truth_thread_end(&self->truth);
  return NULL;
}

static void play_in_two_processes(void) {
  const pid_t child = fork();
  truth_require(child >= 0, "fork");
  if (child == 0) {
    truth_run_threads(play, &sides[1], sizeof(sides[1]), 1);
    _exit(0);
  }
  truth_run_threads(play, &sides[0], sizeof(sides[0]), 1);
  waitpid(child, NULL, 0);
}

int main(int argc, char** argv) {
  int there[2], back[2];
  truth_start(argc, argv, knobs, 2);
  sides = mmap(NULL, 2 * sizeof(*sides), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  truth_require(sides != MAP_FAILED && pipe(there) == 0 && pipe(back) == 0, "pipe");
  sides[0] = (struct side){.from = back[0], .to = there[1], .serves = true};
  sides[1] = (struct side){.from = there[0], .to = back[1]};
  truth_release();
  if (knobs[PROCESSES].value > 0) {
    play_in_two_processes();
  } else {
    truth_run_threads(play, sides, sizeof(*sides), 2);
  }
  const struct truth_thread threads[] = {sides[0].truth, sides[1].truth};
  return truth_finish("ping_pong", threads, 2, NULL);
}
