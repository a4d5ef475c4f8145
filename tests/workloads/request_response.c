/* A client and a server on loopback TCP; the server sleeps a known time before each answer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "truth.h"

enum { DELAY_US };
static struct truth_knob knobs[] = {
    [DELAY_US] = {.name = "--delay-us",
                  .help = "the server's sleep before an answer",
                  .value = 3000},
};

struct end {
  struct truth_thread truth;
  int socket;
  bool serves;
};

static bool receive(struct end* self, char* byte) {
  const uint64_t since_ns = truth_now_ns();
  if (recv(self->socket, byte, 1, 0) != 1) return false;
  truth_add(&self->truth.ops[0], "recv", since_ns);
  return true;
}

static void serve(struct end* self) {
  char byte;
  while (receive(self, &byte)) {
    const uint64_t since_ns = truth_now_ns();
    truth_sleep_ns((uint64_t)(knobs[DELAY_US].value * 1000));
    truth_add(&self->truth.ops[1], "sleep", since_ns);
    truth_require(send(self->socket, &byte, 1, MSG_NOSIGNAL) == 1, "send");
  }
}

static void ask(struct end* self) {
  char byte = 'q';
  while (truth_running()) {
    truth_require(send(self->socket, &byte, 1, MSG_NOSIGNAL) == 1, "send");
    truth_require(receive(self, &byte), "recv");
  }
  shutdown(self->socket, SHUT_RDWR);
}

static void* talk(void* argument) {
  struct end* self = argument;
  truth_thread_begin(&self->truth, self->serves ? "server" : "client");
  if (self->serves) {
    serve(self);
  } else {
    ask(self);
  }
  truth_thread_end(&self->truth);
  return NULL;
}

static void connect_pair(int* client, int* server) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof(address);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  truth_require(bind(listener, (struct sockaddr*)&address, size) == 0, "bind");
  truth_require(listen(listener, 1) == 0, "listen");
  truth_require(getsockname(listener, (struct sockaddr*)&address, &size) == 0, "getsockname");
  *client = socket(AF_INET, SOCK_STREAM, 0);
  truth_require(connect(*client, (struct sockaddr*)&address, size) == 0, "connect");
  *server = accept(listener, NULL, NULL);
  truth_require(*server >= 0, "accept");
  setsockopt(*client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(*server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  close(listener);
}

int main(int argc, char** argv) {
  struct end ends[2] = {{.serves = false}, {.serves = true}};
  char extra[64];
  truth_start(argc, argv, knobs, 1);
  connect_pair(&ends[0].socket, &ends[1].socket);
  truth_release();
  truth_run_threads(talk, ends, sizeof(ends[0]), 2);
  const struct truth_thread threads[] = {ends[0].truth, ends[1].truth};
  snprintf(extra, sizeof(extra), "\"delay_ns\":%.0f", knobs[DELAY_US].value * 1000);
  return truth_finish("request_response", threads, 2, extra);
}
