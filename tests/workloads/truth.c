#define _GNU_SOURCE
#include "truth.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;
static double seconds = 5;
static bool gated;
static bool held;
static uint64_t begin_ns;
static uint64_t begin_steal_ns;
static uint64_t deadline_ns = UINT64_MAX;
static _Thread_local uint64_t asked_ns;
static _Thread_local uint64_t added_ns; /* of asked_ns: told by truth_add */

static void on_sigterm(int signal) {
  (void)signal;
  stopped = 1;
}

static void usage(const char* program, const struct truth_knob* knobs, int knob_count) {
  fprintf(stderr, "usage: %s [--seconds S] [--gate] [--hold]", program);
  for (int i = 0; i < knob_count; i++) fprintf(stderr, " [%s VALUE]", knobs[i].name);
  fprintf(stderr,
          "\n  --gate  start at the first byte on stdin\n  --hold  exit at the end of stdin\n");
  for (int i = 0; i < knob_count; i++) fprintf(stderr, "  %s  %s\n", knobs[i].name, knobs[i].help);
  exit(2);
}

static bool set_knob(struct truth_knob* knobs, int knob_count, const char* name, const char* text) {
  char* end;
  for (int i = 0; i < knob_count; i++) {
    if (strcmp(knobs[i].name, name) != 0) continue;
    if (knobs[i].text) {
      knobs[i].text = text;
      return true;
    }
    knobs[i].value = strtod(text, &end);
    return end != text && !*end;
  }
  return false;
}

void truth_start(int argc, char** argv, struct truth_knob* knobs, int knob_count) {
  struct truth_knob common[] = {{.name = "--seconds", .value = seconds}};
  struct sigaction action = {.sa_handler = on_sigterm};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--gate") == 0) {
      gated = true;
    } else if (strcmp(argv[i], "--hold") == 0) {
      held = true;
    } else if (i + 1 == argc || !(set_knob(common, 1, argv[i], argv[i + 1]) ||
                                  set_knob(knobs, knob_count, argv[i], argv[i + 1]))) {
      usage(argv[0], knobs, knob_count);
    } else {
      i++;
    }
  }
  seconds = common[0].value;
  truth_require(sigaction(SIGTERM, &action, NULL) == 0, "sigaction");
}

/* Of all CPUs, in clock ticks. */
static uint64_t read_steal_ns(void) {
  unsigned long long ticks = 0;
  FILE* file = fopen("/proc/stat", "re");
  truth_require(file && fscanf(file, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) == 1,
                "read /proc/stat");
  fclose(file);
  return ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

void truth_release(void) {
  char byte;
  fprintf(stderr, "ready %d\n", getpid());
  while (gated && read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR && !stopped) {
  }
  begin_steal_ns = read_steal_ns();
  begin_ns = truth_now_ns();
  deadline_ns = begin_ns + (uint64_t)(seconds * 1e9);
}

bool truth_running(void) { return !stopped && truth_now_ns() < deadline_ns; }

double truth_seconds(void) { return seconds; }

static uint64_t read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t truth_now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t truth_cpu_ns(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

uint64_t truth_run_delay_ns(void) {
  unsigned long long on_cpu = 0, delay = 0;
  char text[64] = {0};
  /* Not with stdio: its buffers are allocated, and threads would wait for the allocator's locks. */
  const int file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  truth_require(file >= 0 && read(file, text, sizeof(text) - 1) > 0 &&
                    sscanf(text, "%llu %llu", &on_cpu, &delay) == 2,
                "read schedstat");
  close(file);
  return delay;
}

struct account {
  uint64_t at_ns;
  uint64_t cpu_ns;
  uint64_t run_delay_ns;
};

/* All three of one moment: a thread that lost its CPU in between reads again. */
static struct account read_account(void) {
  struct account now = {.run_delay_ns = truth_run_delay_ns()};
  for (int attempt = 0; attempt < 100; attempt++) {
    now.cpu_ns = truth_cpu_ns();
    now.at_ns = truth_now_ns();
    const uint64_t run_delay_ns = truth_run_delay_ns();
    if (run_delay_ns == now.run_delay_ns) break;
    now.run_delay_ns = run_delay_ns;
  }
  return now;
}

void truth_require(bool ok, const char* what) {
  if (ok) return;
  fprintf(stderr, "%s: %s failed: %s\n", program_invocation_short_name, what, strerror(errno));
  exit(1);
}

/* Until truth_thread_end, cpu_ns and run_delay_ns hold the account at the beginning. */
void truth_thread_begin(struct truth_thread* thread, const char* role) {
  thread->role = role;
  thread->pid = getpid();
  thread->tid = (pid_t)syscall(SYS_gettid);
  asked_ns = added_ns = 0;
  pthread_setname_np(pthread_self(), role);
  const struct account now = read_account();
  thread->run_delay_ns = now.run_delay_ns;
  thread->cpu_ns = now.cpu_ns;
  thread->begin_ns = now.at_ns;
}

void truth_thread_end(struct truth_thread* thread) {
  struct rusage usage;
  const struct account now = read_account();
  const uint64_t wall_ns = now.at_ns - thread->begin_ns;
  const uint64_t busy_ns = now.cpu_ns - thread->cpu_ns + now.run_delay_ns - thread->run_delay_ns;
  getrusage(RUSAGE_THREAD, &usage);
  thread->end_ns = now.at_ns;
  thread->blocked_ns = wall_ns > busy_ns ? wall_ns - busy_ns : 0;
  thread->cpu_ns = now.cpu_ns;
  thread->asked_ns = asked_ns;
  thread->run_delay_ns = now.run_delay_ns;
  thread->voluntary = (uint64_t)usage.ru_nvcsw;
  thread->involuntary = (uint64_t)usage.ru_nivcsw;
}

void truth_add(struct truth_op* op, const char* name, uint64_t since_ns) {
  op->name = name;
  op->ns += truth_now_ns() - since_ns;
  op->asked_ns += asked_ns - added_ns;
  op->count++;
  added_ns = asked_ns;
}

void truth_sleep_ns(uint64_t length_ns) {
  struct timespec length = {.tv_sec = (time_t)(length_ns / 1000000000u),
                            .tv_nsec = (long)(length_ns % 1000000000u)};
  if (nanosleep(&length, NULL) == 0) asked_ns += length_ns;
}

void truth_sleep_in_poll_ns(bool by_select, uint64_t length_ns) {
  struct timeval length = {.tv_sec = (time_t)(length_ns / 1000000000u),
                           .tv_usec = (suseconds_t)(length_ns % 1000000000u / 1000)};
  const int ready =
      by_select ? select(0, NULL, NULL, NULL, &length) : poll(NULL, 0, (int)(length_ns / 1000000u));
  if (ready == 0) asked_ns += length_ns;
}

void truth_spin_ns(uint64_t length_ns) {
  const uint64_t until_ns = truth_now_ns() + length_ns;
  while (truth_now_ns() < until_ns) {
  }
}

void truth_pin(int cpu) {
  cpu_set_t set;
  if (cpu < 0) return;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  truth_require(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

static void print_number(const char* name, uint64_t value) {
  printf("\"%s\":%llu,", name, (unsigned long long)value);
}

static void print_thread(const struct truth_thread* thread) {
  const char* comma = "";
  printf("{\"role\":\"%s\",", thread->role);
  print_number("pid", (uint64_t)thread->pid);
  print_number("tid", (uint64_t)thread->tid);
  print_number("begin_ns", thread->begin_ns);
  print_number("end_ns", thread->end_ns);
  print_number("wall_ns", thread->end_ns - thread->begin_ns);
  print_number("cpu_ns", thread->cpu_ns);
  print_number("run_delay_ns", thread->run_delay_ns);
  print_number("blocked_ns", thread->blocked_ns);
  print_number("voluntary", thread->voluntary);
  print_number("involuntary", thread->involuntary);
  print_number("asked_ns", thread->asked_ns);
  if (thread->outer_ns) print_number("outer_ns", thread->outer_ns);
  printf("\"ops\":{");
  for (int i = 0; i < TRUTH_OPS; i++) {
    if (!thread->ops[i].count) continue;
    printf("%s\"%s\":{", comma, thread->ops[i].name);
    print_number("ns", thread->ops[i].ns);
    print_number("asked_ns", thread->ops[i].asked_ns);
    printf("\"count\":%llu}", (unsigned long long)thread->ops[i].count);
    comma = ",";
  }
  printf("}}");
}

void truth_print(const char* workload, const struct truth_thread* threads, int count,
                 const char* extra) {
  printf("{\"workload\":\"%s\",", workload);
  print_number("pid", (uint64_t)getpid());
  print_number("begin_ns", begin_ns);
  print_number("end_ns", truth_now_ns());
  print_number("steal_ns", read_steal_ns() - begin_steal_ns);
  if (extra) printf("%s,", extra);
  printf("\"threads\":[");
  for (int i = 0; i < count; i++) {
    if (i) printf(",");
    print_thread(&threads[i]);
  }
  printf("]}\n");
  fflush(stdout);
}

void truth_run_threads(void* (*body)(void*), void* items, size_t size, int count) {
  pthread_t* handles = calloc((size_t)count, sizeof(*handles));
  pthread_attr_t attributes;
  truth_require(handles != NULL, "calloc");
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128 * 1024);
  for (int i = 0; i < count; i++) {
    errno = pthread_create(&handles[i], &attributes, body, (char*)items + (size_t)i * size);
    truth_require(errno == 0, "pthread_create");
  }
  for (int i = 0; i < count; i++) pthread_join(handles[i], NULL);
  pthread_attr_destroy(&attributes);
  free(handles);
}

int truth_finish(const char* workload, const struct truth_thread* threads, int count,
                 const char* extra) {
  char byte;
  truth_print(workload, threads, count, extra);
  while (held && !stopped && read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
