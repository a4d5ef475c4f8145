#include "agent/diagnose/sockets.h"

#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr uint16_t kUnix = 1;                // AF_UNIX
constexpr uint16_t kFirstEphemeral = 32768;  // net.ipv4.ip_local_port_range, the kernel's default

bool IsInet(const wait_object& object) {
  return object.kind == OBJECT_socket && (object.family == 2 || object.family == 10);
}

// Of a connection's two ends the one that was connected to has a name. A pair has none.
SocketSide OfUnix(const wait_object& object) {
  const bool local = object.local_port != 0;
  const bool peer = object.peer_port != 0;
  if (local == peer) return SocketSide::kUnknown;
  return peer ? SocketSide::kAsks : SocketSide::kAsked;
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
  if (object.kind == OBJECT_socket && object.family == kUnix) return OfUnix(object);
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
