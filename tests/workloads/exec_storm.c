/* A thread that starts one short process after another and waits for each. */
#define _GNU_SOURCE
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

enum { COUNT, CHILD_SLEEP_US };
static struct truth_knob knobs[] = {
    [COUNT] = {.name = "--count",
               .help = "processes at most; 0: until the time is over",
               .value = 0},
    [CHILD_SLEEP_US] = {.name = "--child-sleep-us",
                        .help = "the sleep of each child",
                        .value = 1000},
};
extern char** environ;

static void run_child(void) {
  char length[32];
  pid_t child;
  snprintf(length, sizeof(length), "%.0f", knobs[CHILD_SLEEP_US].value * 1000);
  char* arguments[] = {"storm-child", "--child", length, NULL};
  truth_require(posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) == 0,
                "posix_spawn");
  truth_require(waitpid(child, NULL, 0) == child, "waitpid");
}

static void* spawn_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  truth_thread_begin(self, "spawner");
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    run_child();
    truth_add(&self->ops[0], "child", since_ns);
    if (knobs[COUNT].value > 0 && self->ops[0].count >= (uint64_t)knobs[COUNT].value) break;
  }
  truth_thread_end(self);
  return NULL;
}

int main(int argc, char** argv) {
  struct truth_thread thread = {0};
  struct rusage children;
  char extra[64];
  if (argc == 3 && strcmp(argv[1], "--child") == 0) {
    unsigned long long length_ns;
    if (sscanf(argv[2], "%llu", &length_ns) == 1) truth_sleep_ns(length_ns);
    return 0;
  }
  truth_start(argc, argv, knobs, 2);
  truth_release();
  truth_run_threads(spawn_repeatedly, &thread, sizeof(thread), 1);
  getrusage(RUSAGE_CHILDREN, &children);
  snprintf(extra, sizeof(extra), "\"children_cpu_us\":%lld",
           (long long)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000 +
               children.ru_utime.tv_usec + children.ru_stime.tv_usec);
  return truth_finish("exec_storm", &thread, 1, extra);
}
