/* A ring of io_uring: waits for whatever completes first, which is a time limit here. */
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "truth.h"

enum { LENGTH_US };
static struct truth_knob knobs[] = {
    [LENGTH_US] = {.name = "--length-us", .help = "length of each wait", .value = 10000},
};

struct ring {
  int fd;
  unsigned char* submissions;
  unsigned char* completions;
  struct io_uring_sqe* entries;
  struct io_uring_params params;
};

static unsigned* word(unsigned char* area, unsigned offset) {
  return (unsigned*)(void*)(area + offset);
}

static void* map(const struct ring* ring, size_t bytes, off_t what) {
  void* area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, what);
  truth_require(area != MAP_FAILED, "mmap");
  return area;
}

static struct ring make_ring(void) {
  struct ring ring;
  memset(&ring, 0, sizeof(ring));
  ring.fd = (int)syscall(SYS_io_uring_setup, 4, &ring.params);
  truth_require(ring.fd >= 0, "io_uring_setup");
  const struct io_uring_params* params = &ring.params;
  ring.submissions =
      map(&ring, params->sq_off.array + params->sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
  ring.completions =
      map(&ring, params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe),
          IORING_OFF_CQ_RING);
  ring.entries = map(&ring, params->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  return ring;
}

/* One time limit, and the wait for it. */
static void wait_once(struct ring* ring, struct __kernel_timespec* length) {
  unsigned* tail = word(ring->submissions, ring->params.sq_off.tail);
  const unsigned at = *tail & *word(ring->submissions, ring->params.sq_off.ring_mask);
  struct io_uring_sqe* entry = &ring->entries[at];
  memset(entry, 0, sizeof(*entry));
  entry->opcode = IORING_OP_TIMEOUT;
  entry->fd = -1;
  entry->addr = (unsigned long)length;
  entry->len = 1;
  word(ring->submissions, ring->params.sq_off.array)[at] = at;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  const long taken = syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  truth_require(taken == 1, "io_uring_enter");
  unsigned* head = word(ring->completions, ring->params.cq_off.head);
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
}

int main(int argc, char** argv) {
  struct truth_thread self = {0};
  truth_start(argc, argv, knobs, 1);
  struct ring ring = make_ring();
  struct __kernel_timespec length = {.tv_nsec = (long long)(knobs[LENGTH_US].value * 1000)};
  truth_release();
  truth_thread_begin(&self, "ring");
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    wait_once(&ring, &length);
    truth_add(&self.ops[0], "poll", since_ns);
  }
  truth_thread_end(&self);
  return truth_finish("io_ring", &self, 1, NULL);
}
