// What the command line asks for: read once, checked once, then passed by const reference.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "agent/exit_code.h"

namespace waitscope {

struct Config {
  std::vector<std::string> listen{"unix:/run/waitscope/agent.sock"};
  uint64_t window_ns = 10'000'000'000;
  uint64_t history_time_ns = 3'600'000'000'000;
  uint64_t history_bytes = 256ULL << 20;
  uint64_t period_ns = 1'000'000;  // 0: every wait
  uint64_t max_samples = 4000;     // told a second; 0: no limit
  uint32_t cpu_hz = 49;
  std::string user_stacks = "tables";
  std::vector<std::string> debuginfod;  // servers; none: nobody is asked
  std::string debuginfod_cache = "/var/cache/waitscope";
  uint64_t debuginfod_bytes = 2ULL << 30;
  uint64_t ring_bytes = 4ULL << 20;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  std::string replay;
  std::string log_level = "info";
  int ready_fd = -1;
  std::string remove_directory;
  bool check = false;
  bool print_config = false;
  bool exit_with_parent = false;
};

// The program should end now: --help was asked for, or the arguments are wrong.
struct EarlyExit {
  ExitCode code = ExitCode::kOk;
  std::string text;  // to stdout when the code is 0, else to stderr
};

std::variant<Config, EarlyExit> ParseConfig(int argc, const char* const* argv);
absl::Status Validate(const Config& config);
// As flags, one a line: what --print-config shows can be given back.
std::string ConfigText(const Config& config);

}  // namespace waitscope
