/* One process and its disk: disk direct FILE THREADS | fsync FILE | dirty FILE | read FILE | map
 * FILE. FILE may be a block device. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const char* path;
static off_t size;
static int think_us;

static void* read_direct(void* seed) {
  const int fd = open(path, O_RDONLY | O_DIRECT);
  unsigned state = (unsigned)(size_t)seed;
  void* buffer;
  if (fd < 0 || posix_memalign(&buffer, 4096, 65536)) exit(1);
  for (;;) {
    const off_t at = (off_t)(rand_r(&state) % (unsigned)(size / 65536)) * 65536;
    if (pread(fd, buffer, 65536, at) < 0) exit(1);
    if (think_us) usleep((useconds_t)think_us);
  }
  return NULL;
}

static void commit_records(void) {
  char record[512] = "record";
  const int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
  for (;;) {
    if (write(fd, record, sizeof(record)) < 0 || fdatasync(fd)) exit(1);
    if (think_us) usleep((useconds_t)think_us);
  }
}

static void fill(void) {
  static char block[1 << 20];
  const int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const off_t end = size > 0 ? size : (off_t)1 << 30;
  for (off_t at = 0;; at = (at + (off_t)sizeof(block)) % end) {
    if (pwrite(fd, block, sizeof(block), at) < 0) exit(1);
  }
}

static void walk(void) {
  const int fd = open(path, O_RDONLY);
  const volatile char* bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
  unsigned state = 1;
  unsigned sum = 0;
  for (;;) sum += (unsigned)bytes[(off_t)(rand_r(&state) % (unsigned)(size / 4096)) * 4096];
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  path = argv[2];
  const int fd = open(path, O_RDONLY);
  if (fd >= 0) size = lseek(fd, 0, SEEK_END); /* of a block device, too */
  const int threads = argc > 3 ? atoi(argv[3]) : 1;
  think_us = argc > 4 ? atoi(argv[4]) : 0;
  printf("ready %d\n", getpid());
  fflush(stdout);
  pthread_t thread;
  if (strcmp(argv[1], "direct") == 0) {
    for (int i = 1; i < threads; ++i) pthread_create(&thread, NULL, read_direct, (void*)(size_t)i);
    read_direct(NULL);
  }
  if (strcmp(argv[1], "fsync") == 0) commit_records();
  if (strcmp(argv[1], "dirty") == 0) fill();
  if (strcmp(argv[1], "map") == 0) walk();
  return 2;
}
