// Debug files from debuginfod servers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/symbols/debug_fetcher.h"

namespace waitscope {

struct DebuginfodOptions {
  std::vector<std::string> servers;
  std::string directory;  // to download to; emptied before each fetch
  uint64_t max_file_bytes = 0;
};

// Each file is fetched by a process of its own, this program with kFetchFlag: libdebuginfod brings
// curl, TLS, LDAP and Kerberos, which an agent should not carry, and waits for name servers for as
// long as they like, which a process can be kept from.
absl::StatusOr<DebugFetcher::Fetch> OpenDebuginfod(const DebuginfodOptions& options);

constexpr char kFetchFlag[] = "--fetch-debug-file";

// What that process does. With no build id it only tells whether it could.
[[noreturn]] void FetchDebugFile(const std::string& build_id);

}  // namespace waitscope
