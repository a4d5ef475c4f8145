/* Compiled without frame pointers and without sanitizers, whatever the build. */
#define _GNU_SOURCE
#include "tests/unwind/nested_frames.h"

#include <alloca.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#define outside __attribute__((noinline, noclone))
/* No call before it becomes a jump. */
#define stay() __asm__ volatile("" ::: "memory")
#define note(frame, index) ((frame)->returns[index] = (unsigned long)__builtin_return_address(0))

static struct captured_frame* signalled;
static jmp_buf out;

static outside void capture(struct captured_frame* frame) {
  note(frame, 0);
  __asm__ volatile(
      "mov %%rsp, 8(%0)\n\t"
      "mov %%rbp, 16(%0)\n\t"
      "mov %%rbx, 24(%0)\n\t"
      "lea 0(%%rip), %%rax\n\t"
      "mov %%rax, (%0)"
      :
      : "r"(frame)
      : "rax", "memory");
  frame->then(frame);
  stay();
}

static void on_signal(int number) {
  (void)number;
  capture(signalled);
  stay();
}

static outside void __attribute__((noreturn)) raise_or_capture(struct captured_frame* frame) {
  note(frame, 1);
  if (!frame->through_signal) {
    capture(frame);
  } else {
    signalled = frame;
    raise(SIGUSR2);
  }
  longjmp(out, 1);
}

/* Its last instruction is a call: the return address lies behind the function. */
static outside void __attribute__((noreturn)) never_returns(struct captured_frame* frame) {
  note(frame, 2);
  raise_or_capture(frame);
}

/* Realigns the stack: its CFA is a word in memory. */
static outside void realigned(struct captured_frame* frame, int size) {
  char room[256] __attribute__((aligned(64)));
  char* more = alloca(size);

  note(frame, 3);
  memset(room, size, sizeof(room));
  memset(more, size, size);
  if (!setjmp(out)) never_returns(frame);
  __asm__ volatile("" ::"r"(room), "r"(more) : "memory");
}

/* A frame of unknown size: its CFA starts from rbp. */
static outside int with_alloca(struct captured_frame* frame, int size) {
  char* room = alloca(size);

  note(frame, 4);
  memset(room, size, size);
  realigned(frame, size);
  stay();
  return room[size / 2];
}

/* Saves all that a callee must, rbp and rbx among it, and keeps other things there. */
static outside int with_saved_registers(struct captured_frame* frame, int a, int b, int c) {
  int d = a * b, e = b * c, f = c * a;

  note(frame, 5);
  __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
  a += with_alloca(frame, 100 + a);
  __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
  return a + b + c + d + e + f;
}

void nested_capture(struct captured_frame* frame) {
  static char stack[1 << 16];
  stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)}, before;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK}, old;

  sigaltstack(&other, &before);
  sigaction(SIGUSR2, &action, &old);
  with_saved_registers(frame, 1, 2, 3);
  sigaction(SIGUSR2, &old, 0);
  sigaltstack(&before, 0);
}
