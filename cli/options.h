// The options views share, and what they mean to the service.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "waitscope/v1/query.pb.h"

// The parser's header is slow to compile, so options.cc and command.cc alone include it.
namespace CLI {
class App;
}

namespace waitscope::cli {

struct EndpointOptions {
  std::string endpoint;  // empty: the default socket
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_server_name;
  std::string timeout = "10s";  // for an answer, beyond the time it measures
};

struct TargetOptions {
  std::vector<uint32_t> pids;
  std::vector<uint32_t> tids;
  std::vector<std::string> comms;
  std::vector<std::string> cgroups;
  std::vector<std::string> containers;

  bool IsWholeMachine() const;
};

struct TimeOptions {
  std::string duration;
  std::string since;
};

struct OutputOptions {
  std::string format;  // empty: by the file's name, else text
  std::string file;    // empty: standard output
};

struct ViewOptions {
  TargetOptions target;
  TimeOptions time;
  OutputOptions output;
};

// `names` as the parser takes them: "--kind,-k"; without dashes, a positional argument.
void AddFlag(CLI::App& app, const std::string& names, bool& value, const std::string& help);
void AddOption(CLI::App& app, const std::string& names, std::string& value,
               const std::string& help);
void AddRequired(CLI::App& app, const std::string& name, std::string& value,
                 const std::string& help);
// --kind: which time a profile is about.
void AddKindOption(CLI::App& app, std::string& kind);
// What stands after the command's own options is not for this program to read.
void LeaveRestUnread(CLI::App& app);
// What stands for "--" while the command line is parsed: no shell lets a word hold a zero byte.
inline constexpr absl::string_view kHiddenDoubleDash("\0--", 3);
// The words left unread, without a leading "--".
std::vector<std::string> UnreadWords(const CLI::App& app);

void AddEndpointOptions(CLI::App& app, EndpointOptions& options);
void AddTargetOptions(CLI::App& app, TargetOptions& options);
void AddTimeOptions(CLI::App& app, TimeOptions& options);
// `formats` are the values --output takes; the first is the default.
void AddOutputOptions(CLI::App& app, OutputOptions& options,
                      const std::vector<std::string>& formats);
void AddViewOptions(CLI::App& app, ViewOptions& options, const std::vector<std::string>& formats);

v1::Target ToTarget(const TargetOptions& options);
// The same target as flags: " --pid 4711".
std::string TargetFlags(const TargetOptions& options);

// What measuring from now takes; zero for questions about the past.
absl::Duration MeasuringTime(const v1::TimeRange& range);

}  // namespace waitscope::cli
