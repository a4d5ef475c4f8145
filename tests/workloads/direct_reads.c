/* O_DIRECT reads at scattered offsets of a file or a block device. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "truth.h"

enum { PATH, MIB, BYTES, THREADS, REST_US };
static struct truth_knob knobs[] = {
    [PATH] = {.name = "--path", .help = "file or device to read", .text = "direct_reads.data"},
    [MIB] = {.name = "--make-mib",
             .help = "write a file of this size first; 0: it is there",
             .value = 64},
    [BYTES] = {.name = "--bytes", .help = "bytes per read", .value = 4096},
    [THREADS] = {.name = "--threads", .help = "reading threads", .value = 1},
    [REST_US] = {.name = "--rest-us", .help = "sleep between two reads", .value = 0},
};
static off_t file_bytes;

static void make_file(const char* path, int mib) {
  static char block[1 << 20];
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  truth_require(file >= 0, "create the file to read");
  memset(block, 'w', sizeof(block));
  for (int i = 0; i < mib; i++) {
    truth_require(write(file, block, sizeof(block)) == (ssize_t)sizeof(block), "write");
  }
  truth_require(fsync(file) == 0 && close(file) == 0, "fsync");
}

static void* read_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  const size_t bytes = (size_t)knobs[BYTES].value;
  const int file = open(knobs[PATH].text, O_RDONLY | O_DIRECT);
  unsigned seed = (unsigned)(uintptr_t)argument;
  void* buffer = aligned_alloc(4096, bytes);
  truth_require(file >= 0 && buffer, "open with O_DIRECT");
  truth_thread_begin(self, "reader");
  while (truth_running()) {
    const off_t offset = (off_t)((size_t)rand_r(&seed) % ((size_t)file_bytes / bytes) * bytes);
    const uint64_t since_ns = truth_now_ns();
    truth_require(pread(file, buffer, bytes, offset) == (ssize_t)bytes, "pread");
    truth_add(&self->ops[0], "read", since_ns);
    if (knobs[REST_US].value > 0) {
      const uint64_t rest_ns = truth_now_ns();
      truth_sleep_ns((uint64_t)(knobs[REST_US].value * 1000));
      truth_add(&self->ops[1], "rest", rest_ns);
    }
  }
  truth_thread_end(self);
  free(buffer);
  close(file);
  return NULL;
}

int main(int argc, char** argv) {
  char extra[64];
  truth_start(argc, argv, knobs, 5);
  const int count = (int)knobs[THREADS].value;
  struct truth_thread* threads = calloc((size_t)count, sizeof(*threads));
  if (knobs[MIB].value > 0) make_file(knobs[PATH].text, (int)knobs[MIB].value);
  const int file = open(knobs[PATH].text, O_RDONLY);
  file_bytes = lseek(file, 0, SEEK_END);
  truth_require(file >= 0 && file_bytes > 0, "open the file to read");
  close(file);
  truth_release();
  truth_run_threads(read_repeatedly, threads, sizeof(*threads), count);
  if (knobs[MIB].value > 0) unlink(knobs[PATH].text);
  snprintf(extra, sizeof(extra), "\"bytes\":%.0f", knobs[BYTES].value);
  return truth_finish("direct_reads", threads, count, extra);
}
