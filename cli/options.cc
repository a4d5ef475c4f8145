#include "cli/options.h"

#include <algorithm>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace waitscope::cli {
namespace {

struct Suffix {
  absl::string_view suffix;
  absl::string_view format;
};

// Longer suffixes first: ".speedscope.json" is also ".json".
constexpr Suffix kSuffixes[] = {
    {".speedscope.json", "speedscope"},
    {".json", "json"},
    {".svg", "svg"},
    {".folded", "folded"},
    {".pb.gz", "pprof"},
    {".pprof", "pprof"},
    {".txt", "text"},
};

template <typename Values>
void CopyInto(const Values& values, google::protobuf::RepeatedPtrField<std::string>* field) {
  field->Assign(values.begin(), values.end());
}

template <typename Values>
void AppendFlags(absl::string_view flag, const Values& values, std::string* flags) {
  for (const auto& value : values) absl::StrAppend(flags, " ", flag, " ", value);
}

}  // namespace

bool TargetOptions::IsWholeMachine() const {
  return pids.empty() && tids.empty() && comms.empty() && cgroups.empty() && containers.empty();
}

void AddFlag(CLI::App& app, const std::string& names, bool& value, const std::string& help) {
  app.add_flag(names, value, help);
}

void AddOption(CLI::App& app, const std::string& names, std::string& value,
               const std::string& help) {
  app.add_option(names, value, help);
}

void AddRequired(CLI::App& app, const std::string& name, std::string& value,
                 const std::string& help) {
  app.add_option(name, value, help)->required();
}

void AddKindOption(CLI::App& app, std::string& kind) {
  app.add_option("--kind,-k", kind,
                 "off-cpu, on-cpu, wall, runq, disk, lock or waker (default off-cpu)")
      ->check(CLI::IsMember({"off-cpu", "on-cpu", "wall", "runq", "disk", "lock", "waker"}));
}

void LeaveRestUnread(CLI::App& app) { app.prefix_command(); }

std::vector<std::string> UnreadWords(const CLI::App& app) {
  std::vector<std::string> words = app.remaining();
  std::replace(words.begin(), words.end(), std::string(kHiddenDoubleDash), std::string("--"));
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  return words;
}

void AddEndpointOptions(CLI::App& app, EndpointOptions& options) {
  app.add_option("--endpoint", options.endpoint,
                 "agent or collector: unix:PATH or HOST:PORT (default "
                 "unix:/run/waitscope/agent.sock, or $WAITSCOPE_ENDPOINT)");
  app.add_option("--tls-ca", options.tls_ca, "trust servers signed by these certificates (PEM)");
  app.add_option("--tls-cert", options.tls_cert, "show the server this certificate (PEM)");
  app.add_option("--tls-key", options.tls_key, "key of --tls-cert (PEM)");
  app.add_option("--tls-server-name", options.tls_server_name,
                 "name the server's certificate must carry, when it is not HOST");
  app.add_option("--timeout", options.timeout,
                 "how long to wait for an answer beyond the time it measures (default 10s)");
}

void AddTargetOptions(CLI::App& app, TargetOptions& options) {
  app.add_option("--pid,-p", options.pids, "these processes (default: the whole machine)")
      ->allow_extra_args(false);
  app.add_option("--tid,-t", options.tids, "these threads")->allow_extra_args(false);
  app.add_option("--comm", options.comms, "processes or threads of this name")
      ->allow_extra_args(false);
  app.add_option("--cgroup", options.cgroups, "processes in cgroups below this path")
      ->allow_extra_args(false);
  app.add_option("--container", options.containers, "processes in containers of this id prefix")
      ->allow_extra_args(false);
}

void AddTimeOptions(CLI::App& app, TimeOptions& options) {
  auto* duration = app.add_option("--duration,-d", options.duration,
                                  "measure this long from now: 500ms, 10s, 2m (default 5s)");
  auto* since =
      app.add_option("--since", options.since, "the last so long, from the agent's history: 10m");
  duration->excludes(since);
}

void AddOutputOptions(CLI::App& app, OutputOptions& options,
                      const std::vector<std::string>& formats) {
  app.add_option("--output", options.format,
                 absl::StrCat("one of ", absl::StrJoin(formats, ", "),
                              " (default: by the name of "
                              "-o, else ",
                              formats.front(), ")"))
      ->check(CLI::IsMember(formats));
  app.add_option("-o,--output-file", options.file, "write to this file, whole or not at all");
}

void AddViewOptions(CLI::App& app, ViewOptions& options, const std::vector<std::string>& formats) {
  AddTargetOptions(app, options.target);
  AddTimeOptions(app, options.time);
  AddOutputOptions(app, options.output, formats);
}

v1::Target ToTarget(const TargetOptions& options) {
  v1::Target target;
  target.mutable_pids()->Assign(options.pids.begin(), options.pids.end());
  target.mutable_tids()->Assign(options.tids.begin(), options.tids.end());
  CopyInto(options.comms, target.mutable_comms());
  CopyInto(options.cgroups, target.mutable_cgroups());
  CopyInto(options.containers, target.mutable_containers());
  return target;
}

std::string TargetFlags(const TargetOptions& options) {
  std::string flags;
  AppendFlags("--pid", options.pids, &flags);
  AppendFlags("--tid", options.tids, &flags);
  AppendFlags("--comm", options.comms, &flags);
  AppendFlags("--cgroup", options.cgroups, &flags);
  AppendFlags("--container", options.containers, &flags);
  return flags;
}

absl::Duration MeasuringTime(const v1::TimeRange& range) {
  if (!range.has_duration()) return absl::ZeroDuration();
  return absl::Seconds(range.duration().seconds()) + absl::Nanoseconds(range.duration().nanos());
}

absl::StatusOr<std::string> ChooseFormat(const OutputOptions& options,
                                         const std::vector<std::string>& formats) {
  if (!options.format.empty()) return options.format;
  for (const Suffix& suffix : kSuffixes) {
    if (!absl::EndsWith(options.file, suffix.suffix)) continue;
    if (std::find(formats.begin(), formats.end(), suffix.format) != formats.end()) {
      return std::string(suffix.format);
    }
    return absl::InvalidArgumentError(
        absl::StrCat(options.file, ": this view cannot be written as ", suffix.format,
                     ". It takes --output ", absl::StrJoin(formats, "|")));
  }
  return formats.front();
}

}  // namespace waitscope::cli
