/* wake_latency COUNT DEPTH: one thread wakes another every 2 ms; prints the median and the 99th
 * percentile of the time from just before the waking to the sleeper's return, in nanoseconds. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int event;
static volatile uint64_t woken_at, sink;
static uint64_t *latencies, count;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

static __attribute__((noinline)) void wait_here(uint64_t* latency) {
  uint64_t value;
  if (read(event, &value, sizeof(value)) != sizeof(value)) abort();
  *latency = now_ns() - woken_at;
  sink++;
}

static __attribute__((noinline)) uint64_t descend(uint64_t left) {
  if (left > 0) return descend(left - 1) * 3 + sink;
  for (uint64_t i = 0; i < count; i++) wait_here(&latencies[i]);
  return sink;
}

static void* sleeper(void* depth) {
  pin(1);
  descend(*(uint64_t*)depth);
  return NULL;
}

static int compare(const void* left, const void* right) {
  const uint64_t a = *(const uint64_t*)left, b = *(const uint64_t*)right;
  return (a > b) - (a < b);
}

int main(int argc, char** argv) {
  const struct timespec pause = {.tv_nsec = 2000000};
  const uint64_t one = 1;
  uint64_t depth = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
  pthread_t thread;
  count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
  latencies = calloc(count, sizeof(*latencies));
  event = eventfd(0, EFD_SEMAPHORE); /* two wakings before one read are two reads */
  pin(0);
  pthread_create(&thread, NULL, sleeper, &depth);
  for (uint64_t i = 0; i < count; i++) {
    nanosleep(&pause, NULL);
    woken_at = now_ns();
    if (write(event, &one, sizeof(one)) != sizeof(one)) abort();
  }
  pthread_join(thread, NULL);
  qsort(latencies, count, sizeof(*latencies), compare);
  printf("%lu %lu\n", latencies[count / 2], latencies[count * 99 / 100]);
  return 0;
}
