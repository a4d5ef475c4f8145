// Certificates and keys, read and checked before the server starts: a wrong file is a message
// now, not a handshake that hangs later.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace waitscope {

struct TlsPaths {
  std::string cert;
  std::string key;
  std::string client_ca;  // empty: clients are not verified
};

struct TlsFiles {
  std::string cert;
  std::string key;
  std::string client_ca;
};

absl::StatusOr<TlsFiles> ReadTlsFiles(const TlsPaths& paths);

}  // namespace waitscope
