/* An event loop: turns of a known length between polls that nobody answers before their timeout. */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "truth.h"

enum { TURN_US, POLL_MS };
static struct truth_knob knobs[] = {
    [TURN_US] = {.name = "--turn-us", .help = "the work of each turn", .value = 2000},
    [POLL_MS] = {.name = "--poll-ms", .help = "the timeout of each poll", .value = 10},
};

static int make_poll(void) {
  struct epoll_event event = {.events = EPOLLIN};
  const int poll = epoll_create1(0);
  truth_require(epoll_ctl(poll, EPOLL_CTL_ADD, eventfd(0, 0), &event) == 0, "epoll_ctl");
  return poll;
}

/* Returns the longest time from before one poll to after the next: no gap of them is longer. */
static uint64_t turn(struct truth_thread* self, int poll) {
  struct epoll_event events[8];
  uint64_t before_ns = truth_now_ns();
  uint64_t longest_ns = 0;
  while (truth_running()) {
    const uint64_t since_ns = truth_now_ns();
    truth_require(epoll_wait(poll, events, 8, (int)knobs[POLL_MS].value) == 0, "epoll_wait");
    truth_add(&self->ops[0], "poll", since_ns);
    const uint64_t outer_ns = truth_now_ns() - before_ns;
    if (outer_ns > longest_ns) longest_ns = outer_ns;
    before_ns = since_ns;
    const uint64_t spin_ns = truth_now_ns();
    truth_spin_ns((uint64_t)(knobs[TURN_US].value * 1000));
    truth_add(&self->ops[1], "spin", spin_ns);
  }
  return longest_ns;
}

int main(int argc, char** argv) {
  struct truth_thread self = {0};
  char extra[96];
  truth_start(argc, argv, knobs, 2);
  const int poll = make_poll();
  truth_release();
  truth_thread_begin(&self, "loop");
  const uint64_t longest_ns = turn(&self, poll);
  truth_thread_end(&self);
  snprintf(extra, sizeof(extra), "\"turn_ns\":%.0f,\"longest_ns\":%llu",
           knobs[TURN_US].value * 1000, (unsigned long long)longest_ns);
  return truth_finish("event_loop", &self, 1, extra);
}
