/* Threads that meet at locks of the kernel: kernel_locks map | map-light | append FILE |
 * append-light FILE | hold FILE */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const size_t kTable = 512 << 20;
static const size_t kPiece = 1 << 20;
static const size_t kSegment = 96 << 20;
static const char* path;
static char* table;

static void rest(long ns) {
  const struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
  nanosleep(&time, NULL);
}

/* The address space stands still while the pages of a large table change their rights. */
static void* freeze_table(void* unused) {
  for (;;) {
    mprotect(table, kTable, PROT_READ);
    mprotect(table, kTable, PROT_READ | PROT_WRITE);
  }
  return unused;
}

/* A buffer for each request. */
static void* serve(void* pause_ns) {
  for (;;) {
    char* buffer = mmap(NULL, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; at < kPiece; at += 65536) buffer[at] = 1;
    munmap(buffer, kPiece);
    rest((long)pause_ns);
  }
  return NULL;
}

/* A segment in one write, of a file that others append to. */
static void* write_segments(void* unused) {
  char* segment = malloc(kSegment);
  const int fd = open(path, O_CREAT | O_WRONLY, 0600);
  memset(segment, 1, kSegment);
  for (;;) {
    if (pwrite(fd, segment, kSegment, 0) < 0) exit(1);
  }
  return unused;
}

static void* append(void* pause_ns) {
  char record[512] = "record";
  const int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
  for (;;) {
    if (write(fd, record, sizeof(record)) < 0) exit(1);
    rest((long)pause_ns);
  }
  return NULL;
}

/* Memory of which nobody delivers the pages: as of a network or a FUSE file system that is dead. */
static char* dead_memory(size_t size) {
  struct uffdio_api api = {.api = UFFD_API};
  const int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct uffdio_register range = {.range = {(unsigned long)memory, size},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &range)) exit(1);
  return memory;
}

/* The kernel copies what is written while it keeps the file's lock, and waits for the page. */
static void* write_dead_memory(void* unused) {
  const int fd = open(path, O_CREAT | O_WRONLY, 0600);
  if (write(fd, dead_memory(kPiece), kPiece) < 0) exit(1);
  return unused;
}

static void start(void* (*body)(void*), int count, long pause_ns) {
  pthread_t thread;
  for (int i = 0; i < count; ++i) pthread_create(&thread, NULL, body, (void*)pause_ns);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  path = argc > 2 ? argv[2] : "";
  const int light = strstr(argv[1], "-light") != NULL;
  if (strncmp(argv[1], "map", 3) == 0) {
    table = mmap(NULL, kTable, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(table, kTable, MADV_NOHUGEPAGE); /* many pages, as a table grown piece by piece has */
    memset(table, 1, kTable);
    start(serve, 4, light ? 5000000 : 500000);
    if (!light) start(freeze_table, 1, 0);
  } else if (strcmp(argv[1], "hold") == 0) {
    start(write_dead_memory, 1, 0);
    rest(200000000);
    start(append, 2, 5000000);
  } else {
    start(append, 4, light ? 5000000 : 500000);
    if (!light) start(write_segments, 1, 0);
  }
  printf("ready %d\n", getpid());
  fflush(stdout);
  pause();
  return 0;
}
