// Who is on the other side of a process's sockets, from a list of all that are open.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/snapshot.h"
#include "bpf/totals.h"

namespace waitscope {

// Of every process with sockets or epoll instances, and of each such instance: enum
// socket_side_bit. A connection of a process with itself is on neither side.
std::map<SidesKey, uint32_t> SidesOf(const std::vector<socket_row>& rows);

// Tells what has changed since the last time.
class Sides {
 public:
  void Tell(uint64_t now_ns, const std::vector<socket_row>& rows,
            absl::FunctionRef<void(const Event&)> fold);

 private:
  std::map<SidesKey, uint32_t> told_;
};

}  // namespace waitscope
