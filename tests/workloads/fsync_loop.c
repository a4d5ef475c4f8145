/* One thread that overwrites a page of a file and calls fsync, over and over. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "truth.h"

enum { PATH, APPEND };
static struct truth_knob knobs[] = {
    [PATH] = {.name = "--path", .help = "file to write", .text = "fsync_loop.data"},
    [APPEND] = {.name = "--append",
                .help = "1: every write grows the file, so a journal commits",
                .value = 1},
};

static void* sync_repeatedly(void* argument) {
  struct truth_thread* self = argument;
  static char page[4096];
  const int file = open(knobs[PATH].text, O_RDWR | O_CREAT | O_TRUNC, 0600);
  off_t offset = 0;
  truth_require(file >= 0, "create the file");
  memset(page, 'w', sizeof(page));
  truth_thread_begin(self, "syncer");
  while (truth_running()) {
    truth_require(pwrite(file, page, sizeof(page), offset) == (ssize_t)sizeof(page), "pwrite");
    const uint64_t since_ns = truth_now_ns();
    truth_require(fsync(file) == 0, "fsync");
    truth_add(&self->ops[0], "fsync", since_ns);
    if (knobs[APPEND].value > 0) offset += (off_t)sizeof(page);
  }
  truth_thread_end(self);
  close(file);
  return NULL;
}

int main(int argc, char** argv) {
  struct truth_thread thread = {0};
  truth_start(argc, argv, knobs, 2);
  truth_release();
  truth_run_threads(sync_repeatedly, &thread, sizeof(thread), 1);
  unlink(knobs[PATH].text);
  return truth_finish("fsync_loop", &thread, 1, NULL);
}
