/* Threads that write to one file, whose inode's lock is held for a known time: the keeper writes
 * from a page that is not there before a sleep is over (userfaultfd), and sleeps in its write. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "truth.h"

#define PAGE 4096
#define MAX_WRITERS 16

enum { WRITERS, HOLD_US, REST_US };
static struct truth_knob knobs[] = {
    [WRITERS] = {.name = "--writers", .help = "threads that wait for the lock", .value = 3},
    [HOLD_US] = {.name = "--hold-us", .help = "how long the keeper holds it", .value = 20000},
    [REST_US] = {.name = "--rest-us", .help = "how long it then lets go", .value = 5000},
};
static struct truth_thread threads[MAX_WRITERS + 1]; /* the keeper is the first */
static int file;
static int faults; /* of the page */
static char* page;

static void make_page_that_is_late(void) {
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
  page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  truth_require(page != MAP_FAILED, "mmap");
  faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  truth_require(faults >= 0, "userfaultfd");
  truth_require(ioctl(faults, UFFDIO_API, &api) == 0, "UFFDIO_API");
  range.range.start = (unsigned long)page;
  range.range.len = PAGE;
  truth_require(ioctl(faults, UFFDIO_REGISTER, &range) == 0, "UFFDIO_REGISTER");
}

static void* bring_page_late(void* unused) {
  for (;;) {
    struct uffd_msg fault;
    struct uffdio_zeropage zeros = {.range = {.start = (unsigned long)page, .len = PAGE}};
    if (read(faults, &fault, sizeof(fault)) != sizeof(fault)) return unused;
    truth_sleep_ns((uint64_t)knobs[HOLD_US].value * 1000);
    truth_require(ioctl(faults, UFFDIO_ZEROPAGE, &zeros) == 0, "UFFDIO_ZEROPAGE");
  }
}

static void keep(struct truth_thread* self) {
  truth_thread_begin(self, "keeper");
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    truth_require(pwrite(file, page, 1, 0) == 1, "pwrite");
    truth_add(&self->ops[0], "hold", since_ns);
    const uint64_t rest_ns = truth_now_ns();
    truth_require(madvise(page, PAGE, MADV_DONTNEED) == 0, "madvise");
    truth_sleep_ns((uint64_t)knobs[REST_US].value * 1000);
    truth_add(&self->ops[1], "rest", rest_ns);
  }
  truth_thread_end(self);
}

static void write_again_and_again(struct truth_thread* self) {
  truth_thread_begin(self, "writer");
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    truth_require(pwrite(file, "x", 1, PAGE) == 1, "pwrite");
    truth_add(&self->ops[0], "write", since_ns);
    const uint64_t rest_ns = truth_now_ns();
    truth_sleep_ns(1000000);
    truth_add(&self->ops[1], "rest", rest_ns);
  }
  truth_thread_end(self);
}

static void* run(void* argument) {
  struct truth_thread* self = argument;
  if (self == threads) {
    keep(self);
  } else {
    write_again_and_again(self);
  }
  return NULL;
}

int main(int argc, char** argv) {
  pthread_t late;
  truth_start(argc, argv, knobs, sizeof(knobs) / sizeof(knobs[0]));
  const int writers = (int)knobs[WRITERS].value;
  truth_require(writers > 0 && writers <= MAX_WRITERS, "--writers");
  file = (int)syscall(SYS_memfd_create, "kept", 0);
  truth_require(file >= 0, "memfd_create");
  make_page_that_is_late();
  truth_require(pthread_create(&late, NULL, bring_page_late, NULL) == 0, "pthread_create");
  truth_release();
  truth_run_threads(run, threads, sizeof(threads[0]), writers + 1);
  return truth_finish("kernel_lock", threads, writers + 1, NULL);
}
