// Which end of a connection a socket is: the side that asks, or the side that is asked. A thread
// that waits on the asked side waits for its client's next request, which is idleness.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "agent/core/snapshot.h"

namespace waitscope {

enum class SocketSide : uint8_t { kUnknown, kAsks, kAsked, kListens };

class SocketSides {
 public:
  explicit SocketSides(const Snapshot& snapshot);

  SocketSide Of(const wait_object& object) const;

 private:
  void Learn(const wait_object& object);

  std::set<uint16_t> listening_;
  std::map<std::string, std::set<uint16_t>> local_ports_;  // by peer
  std::map<uint16_t, std::set<std::string>> peers_;        // by local port
};

}  // namespace waitscope
