#include "agent/source/sides.h"

#include <set>
#include <tuple>
#include <utility>

namespace waitscope {
namespace {

constexpr int kDeepestNesting = 4;  // of epoll instances that watch each other: the kernel has 5

struct Found {
  uint32_t sides = 0;
  std::set<uint64_t> made;  // ends of connections to others
};

class Table {
 public:
  explicit Table(const std::vector<socket_row>& rows) : rows_(rows) {
    for (const socket_row& row : rows) {
      if (row.kind == SOCKET_listener && row.port != 0) ports_.insert({row.netns, row.port});
      if (row.id != 0 && row.kind != SOCKET_epoll) ends_.insert({row.pid, row.netns, row.id});
    }
    for (const socket_row& row : rows) AddSocket(row);
    for (int depth = 0; depth < kDeepestNesting; ++depth) {
      for (const socket_row& row : rows) {
        if (row.kind == SOCKET_epoll && row.epoll != 0)
          Add(by_epoll_[row.epoll], by_epoll_[row.id]);
      }
    }
  }

  std::map<SidesKey, uint32_t> Sides() {
    std::map<SidesKey, uint32_t> sides;
    for (const auto& [pid, found] : by_process_)
      sides[{pid, SidesKey::kWholeProcess}] = BitsOf(found);
    for (const socket_row& row : rows_) {
      if (row.kind == SOCKET_epoll) sides[{row.pid, row.fd}] = BitsOf(by_epoll_[row.id]);
    }
    return sides;
  }

 private:
  static void Add(Found& into, const Found& other) {
    into.sides |= other.sides;
    into.made.insert(other.made.begin(), other.made.end());
  }

  static uint32_t BitsOf(const Found& found) {
    uint32_t sides = found.sides;
    if (!found.made.empty()) sides |= SIDE_asks;
    if (found.made.size() > 1) sides |= SIDE_asks_several;
    return sides;
  }

  // Who listens at the port of its own end has not made the connection.
  socket_kind KindOf(const socket_row& row) const {
    if (row.kind == SOCKET_asked || row.kind == SOCKET_asks || row.kind == SOCKET_connection) {
      if (ends_.contains({row.pid, row.netns, row.peer})) return SOCKET_none;
    }
    if (row.kind != SOCKET_connection) return static_cast<socket_kind>(row.kind);
    return ports_.contains({row.netns, row.port}) ? SOCKET_asked : SOCKET_asks;
  }

  void AddSocket(const socket_row& row) {
    Found found;
    switch (KindOf(row)) {
      case SOCKET_listener:
        found.sides = SIDE_listens;
        if (row.waiting != 0) found.sides |= SIDE_waiting;
        break;
      case SOCKET_asked:
        found.sides = SIDE_asked;
        break;
      case SOCKET_receiver:
        found.sides = SIDE_receives;
        break;
      case SOCKET_asks:
        found.made.insert(row.id);
        break;
      default:
        break;
    }
    Add(by_process_[row.pid], found);
    if (row.kind != SOCKET_epoll && row.epoll != 0) Add(by_epoll_[row.epoll], found);
  }

  const std::vector<socket_row>& rows_;
  std::set<std::pair<uint32_t, uint16_t>> ports_;            // by name space
  std::set<std::tuple<uint32_t, uint32_t, uint64_t>> ends_;  // of connections, by process
  std::map<uint32_t, Found> by_process_;
  std::map<uint64_t, Found> by_epoll_;
};

}  // namespace

std::map<SidesKey, uint32_t> SidesOf(const std::vector<socket_row>& rows) {
  return Table(rows).Sides();
}

void Sides::Tell(uint64_t now_ns, const std::vector<socket_row>& rows,
                 absl::FunctionRef<void(const Event&)> fold) {
  std::map<SidesKey, uint32_t> now = SidesOf(rows);
  for (const auto& [key, sides] : now) {
    const auto before = told_.find(key);
    if (before != told_.end() && before->second == sides) continue;
    sides_event event{};
    event.hdr = {EVENT_sides, sizeof(event)};
    event.pid = key.pid;
    event.epoll = key.epoll;
    event.at_ns = now_ns;
    event.sides = sides;
    fold(event);
  }
  told_ = std::move(now);
}

}  // namespace waitscope
