/* A client and a server on loopback TCP; the server leaves each request unread for a known time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "truth.h"

#define MAX_CONNECTIONS 64
#define MAX_PARTS 64

enum { DELAY_US, CONNECTIONS, PARTS, UNSEEN, ANEW, KNOBS };
static struct truth_knob knobs[KNOBS] = {
    [DELAY_US] = {.name = "--delay-us", .help = "how long a request lies unread", .value = 20000},
    [CONNECTIONS] = {.name = "--connections", .help = "clients, a thread each", .value = 4},
    [PARTS] = {.name = "--parts", .help = "reads a request, each after the delay", .value = 1},
    [UNSEEN] = {.name = "--unseen", .help = "how many of these are splices", .value = 0},
    [ANEW] = {.name = "--anew", .help = "1: a connection a request, accepted after the delay"},
};

/* A request has arrived when its send returns, and not before it is called: on loopback the sender
 * delivers it. So these bound its age, and `max_ns` the greatest. What a read leaves behind lies
 * unread since that read. */
struct bounds {
  uint64_t reads;
  uint64_t low_ns;
  uint64_t high_ns;
  uint64_t max_low_ns;
  uint64_t max_high_ns;
};

struct end {
  struct truth_thread truth;
  struct sockaddr_in address;
  int listener;
  int client;
  int server; /* -1: not accepted yet */
  int pipe[2];
  struct bounds bounds;
};

static void count(struct bounds* bounds, uint64_t low_ns, uint64_t high_ns) {
  bounds->reads++;
  bounds->low_ns += low_ns;
  bounds->high_ns += high_ns;
  if (low_ns > bounds->max_low_ns) bounds->max_low_ns = low_ns;
  if (high_ns > bounds->max_high_ns) bounds->max_high_ns = high_ns;
}

static void dial(struct end* self) {
  const int on = 1;
  self->client = socket(AF_INET, SOCK_STREAM, 0);
  self->server = -1;
  truth_require(connect(self->client, (struct sockaddr*)&self->address, sizeof(self->address)) == 0,
                "connect");
  setsockopt(self->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void answer_call(struct end* self) {
  if (self->server >= 0) return;
  self->server = accept(self->listener, NULL, NULL);
  truth_require(self->server >= 0, "accept");
}

static void hang_up(struct end* self) {
  close(self->client);
  close(self->server);
}

/* What takes nothing must not end the age of anything. */
static void look_without_taking(int server) {
  char byte;
  truth_require(recv(server, &byte, 1, MSG_PEEK) == 1, "recv MSG_PEEK");
  truth_require(recv(server, &byte, 0, 0) == 0, "recv of nothing");
  truth_require(recv(server, &byte, 1, MSG_ERRQUEUE) == -1 && errno == EAGAIN, "recv MSG_ERRQUEUE");
}

static void take(struct end* self, int unseen) {
  char byte;
  if (!unseen) {
    truth_require(recv(self->server, &byte, 1, 0) == 1, "recv");
    return;
  }
  truth_require(splice(self->server, NULL, self->pipe[1], NULL, 1, 0) == 1, "splice");
  truth_require(read(self->pipe[0], &byte, 1) == 1, "read");
}

/* Client and server are one thread, so that nothing else delays the read. */
static void exchange(struct end* self) {
  const int parts = (int)knobs[PARTS].value;
  const char request[MAX_PARTS] = "q";
  uint64_t before_ns = truth_now_ns();
  truth_require(send(self->client, request, (size_t)parts, MSG_NOSIGNAL) == parts, "send");
  uint64_t after_ns = truth_now_ns();
  for (int part = 0; part < parts; part++) {
    const int unseen = part < (int)knobs[UNSEEN].value;
    const uint64_t asleep_ns = truth_now_ns();
    truth_sleep_ns((uint64_t)(knobs[DELAY_US].value * 1000));
    truth_add(&self->truth.ops[0], "sleep", asleep_ns);
    answer_call(self);
    look_without_taking(self->server);
    const uint64_t reading_ns = truth_now_ns();
    take(self, unseen);
    const uint64_t read_ns = truth_now_ns();
    if (!unseen) count(&self->bounds, reading_ns - after_ns, read_ns - before_ns);
    before_ns = reading_ns;
    after_ns = read_ns;
  }
}

static void* talk(void* argument) {
  struct end* self = argument;
  const bool anew = knobs[ANEW].value != 0;
  char byte;
  truth_thread_begin(&self->truth, "server");
  while (truth_running()) {
    if (anew) dial(self);
    if (!anew) truth_require(recv(self->server, &byte, 1, MSG_DONTWAIT) == -1, "recv too early");
    exchange(self);
    if (anew) hang_up(self);
  }
  truth_thread_end(&self->truth);
  return NULL;
}

static int make_listener(struct sockaddr_in* address) {
  socklen_t size = sizeof(*address);
  *address = (struct sockaddr_in){0};
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  truth_require(bind(listener, (struct sockaddr*)address, size) == 0, "bind");
  truth_require(listen(listener, MAX_CONNECTIONS) == 0, "listen");
  truth_require(getsockname(listener, (struct sockaddr*)address, &size) == 0, "getsockname");
  return listener;
}

static void prepare(struct end* ends, int connections) {
  const bool anew = knobs[ANEW].value != 0;
  struct sockaddr_in address;
  int listener = make_listener(&address);
  for (int i = 0; i < connections; i++) {
    if (anew && i > 0) listener = make_listener(&address); /* each accepts its own */
    ends[i].listener = listener;
    ends[i].address = address;
    truth_require(pipe(ends[i].pipe) == 0, "pipe");
    if (anew) continue;
    dial(&ends[i]);
    answer_call(&ends[i]);
  }
}

static struct bounds sum(const struct end* ends, int connections) {
  struct bounds all = {0};
  for (int i = 0; i < connections; i++) {
    const struct bounds* one = &ends[i].bounds;
    all.reads += one->reads;
    all.low_ns += one->low_ns;
    all.high_ns += one->high_ns;
    if (one->max_low_ns > all.max_low_ns) all.max_low_ns = one->max_low_ns;
    if (one->max_high_ns > all.max_high_ns) all.max_high_ns = one->max_high_ns;
  }
  return all;
}

static void require_sense(int connections) {
  truth_require(connections > 0 && connections <= MAX_CONNECTIONS, "--connections");
  truth_require(knobs[PARTS].value >= 1 && knobs[PARTS].value <= MAX_PARTS, "--parts");
}

int main(int argc, char** argv) {
  static struct end ends[MAX_CONNECTIONS];
  static struct truth_thread threads[MAX_CONNECTIONS];
  char extra[256];
  truth_start(argc, argv, knobs, KNOBS);
  const int connections = (int)knobs[CONNECTIONS].value;
  require_sense(connections);
  prepare(ends, connections);
  truth_release();
  truth_run_threads(talk, ends, sizeof(ends[0]), connections);
  for (int i = 0; i < connections; i++) threads[i] = ends[i].truth;
  const struct bounds all = sum(ends, connections);
  snprintf(extra, sizeof(extra),
           "\"port\":%u,\"reads\":%llu,\"low_ns\":%llu,\"high_ns\":%llu,\"max_low_ns\":%llu,"
           "\"max_high_ns\":%llu",
           ntohs(ends[0].address.sin_port), (unsigned long long)all.reads,
           (unsigned long long)all.low_ns, (unsigned long long)all.high_ns,
           (unsigned long long)all.max_low_ns, (unsigned long long)all.max_high_ns);
  return truth_finish("unread_requests", threads, connections, extra);
}
