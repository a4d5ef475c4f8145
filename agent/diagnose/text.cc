#include "agent/diagnose/text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint16_t kUnix = 1;    // AF_UNIX
constexpr uint16_t kInet = 2;    // AF_INET
constexpr uint16_t kInet6 = 10;  // AF_INET6

bool IsMappedV4(const uint8_t (&address)[16]) {
  for (int i = 0; i < 10; ++i) {
    if (address[i] != 0) return false;
  }
  return address[10] == 0xff && address[11] == 0xff;
}

std::string Dotted(const uint8_t* bytes) {
  return absl::StrCat(bytes[0], ".", bytes[1], ".", bytes[2], ".", bytes[3]);
}

bool IsLoopbackV6(const uint8_t (&address)[16]) {
  for (int i = 0; i < 15; ++i) {
    if (address[i] != 0) return false;
  }
  return address[15] == 1;
}

std::string Grouped(const uint8_t (&address)[16]) {
  if (IsLoopbackV6(address)) return "::1";
  std::string text;
  for (int i = 0; i < 16; i += 2) {
    absl::StrAppendFormat(&text, "%s%x", i == 0 ? "" : ":", address[i] << 8 | address[i + 1]);
  }
  return text;
}

}  // namespace

std::string TimeText(double ns) {
  if (ns >= 1e9) return absl::StrFormat("%.1f s", ns / 1e9);
  if (ns >= 9.95e6) return absl::StrFormat("%.0f ms", ns / 1e6);
  if (ns >= 1e5) return absl::StrFormat("%.1f ms", ns / 1e6);
  return absl::StrFormat("%.0f us", ns / 1e3);
}

std::string ShareText(double share) { return absl::StrFormat("%.0f %%", share * 100); }

std::string AddressOf(uint16_t family, const uint8_t (&address)[16], uint16_t port) {
  if (family == kInet) return absl::StrCat(Dotted(address), ":", port);
  if (family != kInet6) return "";
  if (IsMappedV4(address)) return absl::StrCat(Dotted(address + 12), ":", port);
  return absl::StrCat("[", Grouped(address), "]:", port);
}

std::string PeerText(const wait_object& object) {
  if (object.family == kUnix && object.peer_port != 0)
    return absl::StrCat("unix:", PrintableText(object.name));
  return object.peer_port == 0 ? "" : AddressOf(object.family, object.peer_addr, object.peer_port);
}

std::string ObjectText(const wait_object& object) {
  const std::string name = PrintableText(object.name);
  switch (object.kind) {
    case OBJECT_futex:
      return absl::StrFormat("lock 0x%x", object.id);
    case OBJECT_file:
      return absl::StrCat("file ", name);
    case OBJECT_socket: {
      const std::string peer = PeerText(object);
      return peer.empty() ? "socket" : absl::StrCat("socket to ", peer);
    }
    case OBJECT_pipe:
      return "pipe";
    default:
      return name;
  }
}

std::string Plural(uint64_t count, const std::string& noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace waitscope
