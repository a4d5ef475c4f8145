/* What every truth program shares: its clock, its knobs, its start gate and the one line of JSON
 * in which it says what its threads did. Nothing here knows about waitscope. */
#ifndef TESTS_WORKLOADS_TRUTH_H_
#define TESTS_WORKLOADS_TRUTH_H_

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define TRUTH_OPS 3

/* One command-line option: `--threads 8`. Text knobs leave `text` set, the others `value`. */
struct truth_knob {
  const char* name;
  const char* help;
  double value;
  const char* text;
};

/* One thing a thread does over and over, by the thread's own clock. `ns` is elapsed time: it holds
 * the wait, the time on the run queue after it, and the processor time of the system call.
 * `asked_ns` is what it asked to sleep: no timer is early, so it slept that long at least. */
struct truth_op {
  const char* name;
  uint64_t ns;
  uint64_t asked_ns;
  uint64_t count;
};

/* cpu_ns and run_delay_ns are the kernel's own account of the thread since its birth; blocked_ns is
 * what they leave of the wall time between begin_ns and end_ns. */
struct truth_thread {
  const char* role;
  pid_t tid;
  pid_t pid;
  uint64_t begin_ns;
  uint64_t end_ns;
  uint64_t cpu_ns;
  uint64_t run_delay_ns;
  uint64_t blocked_ns;
  uint64_t voluntary;
  uint64_t involuntary;
  uint64_t asked_ns; /* of all its operations */
  uint64_t outer_ns; /* 0, or its whole life, as its creator bounds it from outside */
  struct truth_op ops[TRUTH_OPS];
};

/* Parses `--seconds S --gate --hold` and the program's own knobs; a bad option ends the program
 * with status 2 and its usage. Also installs the SIGTERM handler. */
void truth_start(int argc, char** argv, struct truth_knob* knobs, int knob_count);

/* Says `ready PID` on stderr, waits for a byte on stdin under --gate, and starts the time. */
void truth_release(void);

/* False once the time is over or SIGTERM came. */
bool truth_running(void);
double truth_seconds(void);

uint64_t truth_now_ns(void);
uint64_t truth_cpu_ns(void);
uint64_t truth_run_delay_ns(void);

/* Ends the program with a sentence if `ok` is false. errno is part of the sentence. */
void truth_require(bool ok, const char* what);

void truth_thread_begin(struct truth_thread* thread, const char* role);
void truth_thread_end(struct truth_thread* thread);
void truth_add(struct truth_op* op, const char* name, uint64_t since_ns);

void truth_sleep_ns(uint64_t length_ns);
/* By select, or by a poll of whole milliseconds, for nothing but the time. */
void truth_sleep_in_poll_ns(bool by_select, uint64_t length_ns);
void truth_spin_ns(uint64_t length_ns);
void truth_pin(int cpu);

/* The line of JSON, with the time the hypervisor stole meanwhile: the kernel leaves it out of
 * cpu_ns, so it shows up in blocked_ns though nothing blocked. `extra` is more members of the
 * object ("\"bytes\":4096") or NULL. */
void truth_print(const char* workload, const struct truth_thread* threads, int count,
                 const char* extra);

/* Starts `count` threads on the elements of `items` (each `size` bytes), waits for all. */
void truth_run_threads(void* (*body)(void*), void* items, size_t size, int count);

/* The common end: prints, waits for the end of stdin under --hold, returns the exit status. */
int truth_finish(const char* workload, const struct truth_thread* threads, int count,
                 const char* extra);

#endif  // TESTS_WORKLOADS_TRUTH_H_
