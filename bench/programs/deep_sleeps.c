/* deep_sleeps DEPTH: sleeps for 20 us again and again below DEPTH calls. The system call is
 * made here, so that a walk by frame pointers is not lost in the C library. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

static volatile uint64_t sink;

static __attribute__((noinline)) void sleep_here(void) {
  const struct timespec length = {.tv_nsec = 20000};
  long result = SYS_nanosleep;
  __asm__ volatile("syscall" : "+a"(result) : "D"(&length), "S"(0) : "rcx", "r11", "memory");
  sink++;
}

static __attribute__((noinline)) uint64_t descend(uint64_t left) {
  if (left > 0) return descend(left - 1) * 3 + sink;
  for (;;) {
    sleep_here();
    sink++;
  }
}

int main(int argc, char** argv) {
  prctl(PR_SET_TIMERSLACK, 1);
  return (int)descend(argc > 1 ? strtoull(argv[1], NULL, 10) : 0);
}
