#include "cli/options.h"

#include <algorithm>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/render/style.h"

namespace waitscope::cli {
namespace {

constexpr size_t kCommBytes = 15;  // TASK_COMM_LEN, without the NUL

template <typename Values>
void CopyInto(const Values& values, google::protobuf::RepeatedPtrField<std::string>* field) {
  field->Assign(values.begin(), values.end());
}

// What an unset variable leaves would choose everything, or nothing.
CLI::Validator SaysSomething() {
  return CLI::Validator(
      [](std::string& text) { return text.empty() ? std::string("it is empty") : std::string(); },
      "");
}

// As a shell takes it back.
std::string Quoted(const std::string& word) {
  const bool plain = std::all_of(word.begin(), word.end(), [](char byte) {
    return absl::ascii_isalnum(static_cast<unsigned char>(byte)) ||
           absl::StrContains("/._:@%+,-", byte);
  });
  if (plain && !word.empty()) return word;
  return absl::StrCat("'", absl::StrReplaceAll(Printable(word), {{"'", "'\\''"}}), "'");
}

template <typename Values>
void AppendFlags(absl::string_view flag, const Values& values, std::string* flags) {
  for (const auto& value : values) {
    absl::StrAppend(flags, " ", flag, " ", Quoted(absl::StrCat(value)));
  }
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
  app.add_option("--comm", options.comms,
                 "processes or threads of this name; the kernel keeps its first 15 bytes")
      ->allow_extra_args(false)
      ->check(SaysSomething());
  app.add_option("--cgroup", options.cgroups, "processes in cgroups below this path")
      ->allow_extra_args(false)
      ->check(SaysSomething());
  app.add_option("--container", options.containers, "processes in containers of this id prefix")
      ->allow_extra_args(false)
      ->check(SaysSomething());
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
  for (const std::string& comm : options.comms) target.add_comms(comm.substr(0, kCommBytes));
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

}  // namespace waitscope::cli
