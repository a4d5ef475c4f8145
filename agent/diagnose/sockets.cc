#include "agent/diagnose/sockets.h"

#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr uint16_t kFirstEphemeral = 32768;  // net.ipv4.ip_local_port_range, the kernel's default

bool IsInet(const wait_object& object) {
  return object.kind == OBJECT_socket && (object.family == 2 || object.family == 10);
}

}  // namespace

SocketSides::SocketSides(const Snapshot& snapshot) : listening_(snapshot.listening) {
  for (const wait_object& object : snapshot.objects) Learn(object);
}

void SocketSides::Learn(const wait_object& object) {
  if (!IsInet(object)) return;
  if (object.peer_port == 0) {
    if (object.local_port != 0) listening_.insert(object.local_port);
    return;
  }
  const std::string peer = PeerText(object);
  local_ports_[peer].insert(object.local_port);
  peers_[object.local_port].insert(peer);
}

SocketSide SocketSides::Of(const wait_object& object) const {
  if (!IsInet(object)) return SocketSide::kUnknown;
  if (object.peer_port == 0) return SocketSide::kListens;
  if (listening_.contains(object.local_port)) return SocketSide::kAsked;
  if (listening_.contains(object.peer_port)) return SocketSide::kAsks;
  if (peers_.at(object.local_port).size() > 1) return SocketSide::kAsked;
  if (local_ports_.at(PeerText(object)).size() > 1) return SocketSide::kAsks;
  const bool local_ephemeral = object.local_port >= kFirstEphemeral;
  const bool peer_ephemeral = object.peer_port >= kFirstEphemeral;
  if (local_ephemeral == peer_ephemeral) return SocketSide::kUnknown;
  return local_ephemeral ? SocketSide::kAsks : SocketSide::kAsked;
}

}  // namespace waitscope
