/* A thread that is not the leader sleeps, then calls exec: the kernel ends the leader, which was in
 * pause, and hands its tid to the caller, which sleeps on as another program. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "truth.h"

#define SLEEP_NS 10000000
#define SLEEPS_BEFORE 60
#define SLEEPS_AFTER 40

static void sleep_often(int times) {
  for (int i = 0; i < times; i++) truth_sleep_ns(SLEEP_NS);
}

static void* exec_after_sleeping(void* argument) {
  char tid[16], begin[32], called[32];
  const uint64_t begin_ns = truth_now_ns();
  (void)argument;
  sleep_often(SLEEPS_BEFORE);
  snprintf(tid, sizeof(tid), "%d", (int)gettid());
  snprintf(begin, sizeof(begin), "%" PRIu64, begin_ns);
  snprintf(called, sizeof(called), "%" PRIu64, truth_now_ns());
  execl("/proc/self/exe", "after-exec", "--after", tid, begin, called, NULL);
  truth_require(false, "exec");
  return NULL;
}

static int go_on(char** argv) {
  sleep_often(SLEEPS_AFTER);
  printf("{\"pid\":%d,\"tid\":%s,\"begin_ns\":%s,\"exec_ns\":%s,\"end_ns\":%" PRIu64
         ",\"sleep_ns\":%d,\"sleeps_before\":%d,\"sleeps_after\":%d}\n",
         (int)getpid(), argv[2], argv[3], argv[4], truth_now_ns(), SLEEP_NS, SLEEPS_BEFORE,
         SLEEPS_AFTER);
  return 0;
}

int main(int argc, char** argv) {
  pthread_t thread;
  if (argc == 5 && strcmp(argv[1], "--after") == 0) return go_on(argv);
  truth_start(argc, argv, NULL, 0);
  truth_release();
  truth_require(pthread_create(&thread, NULL, exec_after_sleeping, NULL) == 0, "pthread_create");
  while (true) pause();
}
