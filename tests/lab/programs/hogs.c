/* hogs THREADS [PERCENT]: threads that compute, all the time or a part of each 10 ms. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long share = 100;

__attribute__((noinline)) static void compute(long ns) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  const long end = now.tv_sec * 1000000000 + now.tv_nsec + ns;
  do {
    for (volatile int i = 0; i < 20000; ++i) continue;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while (now.tv_sec * 1000000000 + now.tv_nsec < end);
}

static void* work(void* unused) {
  for (;;) {
    compute(share * 100000);
    if (share < 100) usleep((useconds_t)(10000 - share * 100));
  }
  return unused;
}

int main(int argc, char** argv) {
  pthread_t thread;
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  if (argc > 2) share = atol(argv[2]);
  printf("ready %d\n", getpid());
  fflush(stdout);
  for (int i = 1; i < threads; ++i) pthread_create(&thread, NULL, work, NULL);
  work(NULL);
}
