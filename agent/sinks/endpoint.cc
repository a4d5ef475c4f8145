#include "agent/sinks/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

absl::Status Refused(const std::string& text, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("cannot listen on '", text, "': ", why,
                                                 "; write unix:PATH or HOST:PORT, for example "
                                                 "unix:/run/waitscope/agent.sock or "
                                                 "127.0.0.1:7717"));
}

absl::StatusOr<AddressList> Resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (error != 0) return absl::NotFoundError(gai_strerror(error));
  return AddressList(list, &freeaddrinfo);
}

bool IsLoopback(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  return address.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

std::string NumericHost(const addrinfo& address) {
  char host[NI_MAXHOST] = "";
  getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

absl::StatusOr<Endpoint> ParseUnix(const std::string& text, const std::string& path) {
  if (path.empty()) return Refused(text, "the path is missing");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Refused(text, absl::StrCat("the path is longer than ", sizeof(sockaddr_un::sun_path) - 1,
                                      " bytes"));
  }
  Endpoint endpoint;
  endpoint.text = text;
  endpoint.path = path;
  endpoint.loopback = true;
  return endpoint;
}

}  // namespace

std::string Endpoint::Uri() const {
  if (IsUnix()) return absl::StrCat("unix:", path);
  const bool v6 = absl::StrContains(host, ':');
  return v6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text) {
  if (text.starts_with("unix:")) return ParseUnix(text, text.substr(5));
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return Refused(text, "it has no port");
  int port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return Refused(text, "the port is not a number from 0 to 65535");
  }
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return Refused(text, "the host is missing (0.0.0.0 means every address)");
  absl::StatusOr<AddressList> addresses = Resolve(host, absl::StrCat(port));
  if (!addresses.ok()) return Refused(text, std::string(addresses.status().message()));
  Endpoint endpoint;
  endpoint.text = text;
  endpoint.host = NumericHost(**addresses);
  endpoint.port = port;
  endpoint.loopback = IsLoopback(*(*addresses)->ai_addr);
  return endpoint;
}

absl::Status CheckTcpFree(const Endpoint& endpoint) {
  absl::StatusOr<AddressList> addresses = Resolve(endpoint.host, absl::StrCat(endpoint.port));
  if (!addresses.ok()) return addresses.status();
  const addrinfo& address = **addresses;
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::InternalError(absl::StrCat("cannot make a socket: ", strerror(errno)));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int error =
      bind(fd, address.ai_addr, address.ai_addrlen) == 0 && listen(fd, 1) == 0 ? 0 : errno;
  close(fd);
  if (error == 0) return absl::OkStatus();
  const std::string what = absl::StrCat("cannot listen on ", endpoint.text, ": ", strerror(error));
  if (error != EADDRINUSE) return absl::UnavailableError(what);
  return absl::AlreadyExistsError(
      absl::StrCat(what,
                   "; another agent or program has it: stop that one (ss -ltnp names it), "
                   "or choose another --listen"));
}

}  // namespace waitscope
