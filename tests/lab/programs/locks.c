/*
 * Threads and mutexes: locks convoy | deadlock | queue | idle | barrier | gate | turns | stuck |
 * pair | readers | pass
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t together;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static int queued;
static int turn;

static void rest(long ns) {
  const struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
  nanosleep(&time, NULL);
}

static void spin(long ns) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  const long end = now.tv_sec * 1000000000 + now.tv_nsec + ns;
  do {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while (now.tv_sec * 1000000000 + now.tv_nsec < end);
}

__attribute__((noinline)) static void write_report(void) {
  pthread_mutex_lock(&first);
  rest(60000000);
  pthread_mutex_unlock(&first);
  rest(1000000);
}

__attribute__((noinline)) static void look_up(void) {
  pthread_mutex_lock(&first);
  spin(50000);
  pthread_mutex_unlock(&first);
  rest(500000);
}

static void* report(void* unused) {
  for (;;) write_report();
  return unused;
}

static void* look(void* unused) {
  for (;;) look_up();
  return unused;
}

static void* cross(void* order) {
  pthread_mutex_lock(order ? &first : &second);
  rest(100000000);
  pthread_mutex_lock(order ? &second : &first);
  return NULL;
}

static void* produce(void* unused) {
  for (;;) {
    rest(2000000);
    pthread_mutex_lock(&first);
    while (queued == 16) pthread_cond_wait(&room, &first);
    ++queued;
    pthread_cond_signal(&work);
    pthread_mutex_unlock(&first);
  }
  return unused;
}

static void* consume(void* unused) {
  for (;;) {
    pthread_mutex_lock(&first);
    while (queued == 0) pthread_cond_wait(&work, &first);
    --queued;
    pthread_cond_signal(&room);
    pthread_mutex_unlock(&first);
    spin(500000);
  }
  return unused;
}

static void* step(void* unused) {
  for (;;) {
    rest(20000000);
    spin(1000000);
    pthread_barrier_wait(&together);
  }
  return unused;
}

/* Four take turns by one condition variable; a turn is work outside of the lock. */
static void* take_turns(void* unused) {
  static int next;
  const int me = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
  for (;;) {
    pthread_mutex_lock(&first);
    while (turn != me) pthread_cond_wait(&work, &first);
    pthread_mutex_unlock(&first);
    rest(8000000);
    pthread_mutex_lock(&first);
    turn = (me + 1) % 4;
    pthread_cond_broadcast(&work);
    pthread_mutex_unlock(&first);
  }
  return unused;
}

static void* pass_gate(void* unused) {
  pthread_mutex_lock(&first);
  pthread_mutex_unlock(&first);
  return unused;
}

/* Forgets to let go of the lock that the others use all the time. */
static void* get_stuck(void* unused) {
  rest(300000000);
  pthread_mutex_lock(&first);
  for (;;) pause();
  return unused;
}

__attribute__((noinline)) static void keep_long(void) {
  pthread_mutex_lock(&first);
  rest(90000000);
  pthread_mutex_unlock(&first);
  rest(300000);
}

static void* keep(void* unused) {
  for (;;) keep_long();
  return unused;
}

/* There is always one that reads, for they begin one after the other, and readers do not wait for
 * writers. */
static void* read_all(void* unused) {
  static long readers;
  rest(__atomic_fetch_add(&readers, 1, __ATOMIC_RELAXED) * 5000000);
  for (long ns = 15000000;; ns = 40000000 - ns) {
    pthread_rwlock_rdlock(&shared);
    rest(ns);
    pthread_rwlock_unlock(&shared);
    rest(500000);
  }
  return unused;
}

static void* write_now(void* unused) {
  for (;;) {
    pthread_rwlock_wrlock(&shared);
    pthread_rwlock_unlock(&shared);
    rest(5000000);
  }
  return unused;
}

/* Two that wake each other by mutexes, each of which the other one unlocks. */
static void* pass(void* order) {
  for (;;) {
    pthread_mutex_lock(order ? &first : &second);
    rest(15000000);
    pthread_mutex_unlock(order ? &second : &first);
  }
  return NULL;
}

static void start(void* (*body)(void*), int count) {
  pthread_t thread;
  for (int i = 0; i < count; ++i) pthread_create(&thread, NULL, body, i == 0 ? NULL : &queued);
}

int main(int argc, char** argv) {
  const char* kind = argc > 1 ? argv[1] : "";
  pthread_barrier_init(&together, NULL, 4);
  if (strcmp(kind, "convoy") == 0) start(report, 1), start(look, 5);
  if (strcmp(kind, "deadlock") == 0) start(cross, 2);
  if (strcmp(kind, "queue") == 0) start(produce, 2), start(consume, 2);
  if (strcmp(kind, "idle") == 0) start(consume, 64);
  if (strcmp(kind, "barrier") == 0) start(step, 4);
  if (strcmp(kind, "turns") == 0) start(take_turns, 4);
  if (strcmp(kind, "stuck") == 0) start(get_stuck, 1), start(look, 3);
  if (strcmp(kind, "gate") == 0) pthread_mutex_lock(&first), start(pass_gate, 3);
  if (strcmp(kind, "pair") == 0) start(keep, 1), start(look, 1);
  if (strcmp(kind, "readers") == 0) start(read_all, 6), start(write_now, 1);
  if (strcmp(kind, "pass") == 0) pthread_mutex_lock(&first), start(pass, 2);
  printf("ready %d\n", getpid());
  fflush(stdout);
  for (;;) pause();
}
