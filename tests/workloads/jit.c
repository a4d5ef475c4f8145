/* Code written while running, as run times do, with its names appended to /tmp/perf-PID.map as it
 * comes: the second function a while after the first. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "truth.h"

#define LENGTH_NS 2000000
#define FUNCTION_BYTES 64

static volatile uint64_t sink;

static __attribute__((noinline)) void wait_below(void) {
  truth_sleep_ns(LENGTH_NS);
  sink++;
}

/* push %rbp; mov %rsp,%rbp; movabs $wait_below,%rax; call *%rax; pop %rbp; ret */
static void emit(unsigned char* at) {
  static const unsigned char head[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8};
  static const unsigned char tail[] = {0xff, 0xd0, 0x5d, 0xc3};
  void (*const callee)(void) = wait_below;
  memcpy(at, head, sizeof(head));
  memcpy(at + sizeof(head), &callee, sizeof(callee));
  memcpy(at + sizeof(head) + sizeof(callee), tail, sizeof(tail));
}

static void name_function(FILE* map, const unsigned char* at, const char* name) {
  fprintf(map, "%lx %x %s\n", (unsigned long)at, FUNCTION_BYTES, name);
  truth_require(fflush(map) == 0, "write the perf map");
}

static void call_until(const unsigned char* at, uint64_t end_ns, struct truth_thread* thread) {
  void (*function)(void);
  memcpy(&function, &at, sizeof(function));
  while (truth_running() && truth_now_ns() < end_ns) {
    const uint64_t since_ns = truth_now_ns();
    function();
    truth_add(&thread->ops[0], "wait", since_ns);
  }
}

int main(int argc, char** argv) {
  struct truth_thread thread = {0};
  char path[64];
  truth_start(argc, argv, NULL, 0);
  unsigned char* code =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  truth_require(code != MAP_FAILED, "map executable memory");
  snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
  FILE* map = fopen(path, "w");
  truth_require(map != NULL, path);
  emit(code);
  emit(code + FUNCTION_BYTES);
  name_function(map, code, "jit_first");
  truth_release();
  truth_thread_begin(&thread, "jit");
  const uint64_t half_ns = (uint64_t)(truth_seconds() * 0.5e9);
  call_until(code, truth_now_ns() + half_ns, &thread);
  name_function(map, code + FUNCTION_BYTES, "jit_second");
  call_until(code + FUNCTION_BYTES, UINT64_MAX, &thread);
  truth_thread_end(&thread);
  return truth_finish("jit", &thread, 1, NULL);
}
