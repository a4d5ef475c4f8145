/* A thread that touches pages of a mapped file right after they were dropped from memory, so that
 * every touch is a major page fault. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "truth.h"

enum { PATH, MIB };
static struct truth_knob knobs[] = {
    [PATH] = {.name = "--path", .help = "file to make and map", .text = "fault_storm.data"},
    [MIB] = {.name = "--mib", .help = "its size", .value = 16},
};
static int file;
static size_t file_bytes;
static volatile char* pages;
static uint64_t major_faults;

static void make_and_map_file(void) {
  char block[4096];
  file = open(knobs[PATH].text, O_RDWR | O_CREAT | O_TRUNC, 0600);
  truth_require(file >= 0, "create the file to map");
  file_bytes = (size_t)knobs[MIB].value << 20;
  memset(block, 'w', sizeof(block));
  for (size_t at = 0; at < file_bytes; at += sizeof(block)) {
    truth_require(write(file, block, sizeof(block)) == (ssize_t)sizeof(block), "write");
  }
  truth_require(fsync(file) == 0, "fsync");
  void* mapping = mmap(NULL, file_bytes, PROT_READ, MAP_SHARED, file, 0);
  truth_require(mapping != MAP_FAILED, "mmap");
  /* Without it readahead would turn most touches into minor faults. */
  truth_require(madvise(mapping, file_bytes, MADV_RANDOM) == 0, "madvise");
  pages = mapping;
}

static void drop_pages(void) {
  truth_require(madvise((void*)pages, file_bytes, MADV_DONTNEED) == 0, "madvise");
  truth_require(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0, "posix_fadvise");
}

static void* fault_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  struct rusage usage;
  truth_thread_begin(self, "faulter");
  while (truth_running()) {
    drop_pages();
    for (size_t at = 0; at < file_bytes && truth_running(); at += 4096) {
      const uint64_t since_ns = truth_now_ns();
      (void)pages[at];
      truth_add(&self->ops[0], "fault", since_ns);
    }
  }
  truth_thread_end(self);
  getrusage(RUSAGE_THREAD, &usage);
  major_faults = (uint64_t)usage.ru_majflt;
  return NULL;
}

int main(int argc, char** argv) {
  struct truth_thread thread = {0};
  char extra[64];
  truth_start(argc, argv, knobs, 2);
  make_and_map_file();
  truth_release();
  truth_run_threads(fault_repeatedly, &thread, sizeof(thread), 1);
  unlink(knobs[PATH].text);
  snprintf(extra, sizeof(extra), "\"major_faults\":%llu", (unsigned long long)major_faults);
  return truth_finish("fault_storm", &thread, 1, extra);
}
