#include "agent/config.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "agent/units.h"

namespace waitscope {
namespace {

constexpr char kDescription[] =
    "waitscoped accounts for every nanosecond of every thread of this machine and answers\n"
    "questions about it (see waitscope) over gRPC.";

constexpr char kFooter[] = R"(
Examples:
  waitscoped                                      serve on the default unix socket
  waitscoped --listen unix:/tmp/ws.sock --window 1s
  waitscoped --listen 127.0.0.1:7717              plain text, this machine only
  waitscoped --listen 0.0.0.0:7717 --tls-cert s.crt --tls-key s.key --tls-client-ca ca.crt
  waitscoped --debuginfod https://debuginfod.debian.net    names for stripped programs, from there
  waitscoped --check                              what this kernel gives, and what is lost
  waitscoped --replay incident.wslog --listen unix:/tmp/replay.sock

Exit codes:
  0 ok   1 failed while running   2 bad usage   3 no privilege
  4 this kernel lacks something essential   5 another agent uses the address)";

constexpr int kMaxServers = 16;

// A validator that turns the text into the number; CLI11 prints what it returns as the error.
CLI::Validator Unit(absl::StatusOr<uint64_t> (*parse)(std::string_view), std::string name) {
  return CLI::Validator(
      [parse](std::string& text) {
        const absl::StatusOr<uint64_t> value = parse(text);
        if (!value.ok()) return std::string(value.status().message());
        text = std::to_string(*value);
        return std::string();
      },
      std::move(name));
}

void AddServing(CLI::App& app, Config& config) {
  app.add_option("--listen", config.listen,
                 "unix:PATH or HOST:PORT to serve on; may be repeated "
                 "[unix:/run/waitscope/agent.sock]")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--tls-cert", config.tls_cert, "certificate chain, PEM; needs --tls-key")
      ->type_name("FILE");
  app.add_option("--tls-key", config.tls_key, "private key of the certificate, PEM")
      ->type_name("FILE");
  app.add_option("--tls-client-ca", config.tls_client_ca,
                 "accept only clients whose certificate these authorities signed, PEM")
      ->type_name("FILE");
}

void AddMeasuring(CLI::App& app, Config& config) {
  const CLI::Validator duration = Unit(ParseDurationNs, "DURATION");
  const CLI::Validator size = Unit(ParseBytes, "SIZE");
  app.add_option("--window", config.window_ns, "length of a window [10s]")->transform(duration);
  app.add_option("--history-time", config.history_time_ns, "how long windows are kept [1h]")
      ->transform(duration);
  app.add_option("--history-bytes", config.history_bytes,
                 "how much memory kept windows may take [256MiB]")
      ->transform(size);
  app.add_option("--period", config.period_ns,
                 "sampling period: every wait at least this long is recorded, shorter ones in "
                 "proportion; 0 records all [1ms]")
      ->transform(duration);
  app.add_option("--max-samples", config.max_samples,
                 "how many waits a second are recorded, about: the sampling period grows while "
                 "more end; 0: no limit [4000]")
      ->type_name("N");
  app.add_option("--cpu-hz", config.cpu_hz, "on-CPU samples per second and CPU; 0: none [49]")
      ->type_name("N");
  app.add_option("--user-stacks", config.user_stacks,
                 "how user stacks are taken: by unwind tables, or by frame pointers as on kernels "
                 "that give no more [tables]")
      ->check(CLI::IsMember({"tables", "frame-pointers"}));
  app.add_option("--ring-bytes", config.ring_bytes, "size of the kernel's ring buffer [4MiB]")
      ->transform(size);
  app.add_option("--replay", config.replay, "serve a recording instead of this machine")
      ->type_name("FILE");
}

void AddDebuginfod(CLI::App& app, Config& config) {
  app.add_option("--debuginfod", config.debuginfod,
                 "ask these servers, or those of $DEBUGINFOD_URLS, for the symbols of stripped "
                 "files; without this nobody is asked")
      ->expected(0, kMaxServers)
      ->type_name("[URL...]");
  app.add_option("--debuginfod-cache", config.debuginfod_cache,
                 "where their files are kept, in debuginfod/ [/var/cache/waitscope]")
      ->type_name("DIRECTORY");
  app.add_option("--debuginfod-bytes", config.debuginfod_bytes,
                 "how much of the disk they may take; no file over a quarter of it [2GiB]")
      ->transform(Unit(ParseBytes, "SIZE"));
}

void AddRunning(CLI::App& app, Config& config) {
  app.add_flag("--check", config.check,
               "say what this kernel gives and what each view loses, then exit");
  app.add_flag("--print-config", config.print_config, "print the settings in effect, then exit");
  app.add_flag("--exit-with-parent", config.exit_with_parent, "stop when the parent process ends");
  app.add_option("--ready-fd", config.ready_fd,
                 "write \"ready\\n\" here once questions are answered")
      ->type_name("FD");
  app.add_option("--remove-directory", config.remove_directory,
                 "remove this directory at the end, when nothing is left in it")
      ->type_name("DIRECTORY");
  app.add_option("--log-level", config.log_level, "trace debug info warn error off [info]")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  app.set_version_flag("--version", "waitscoped " WAITSCOPE_VERSION);
}

std::vector<std::string> Words(absl::string_view text) {
  return absl::StrSplit(text, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
}

// Only when it is asked for: the variable alone, which a login shell may set, turns nothing on.
absl::Status ChooseServers(const CLI::App& app, Config& config) {
  if (app.count("--debuginfod") == 0) return absl::OkStatus();
  config.debuginfod = Words(absl::StrJoin(config.debuginfod, " "));
  const char* const usual = std::getenv("DEBUGINFOD_URLS");
  if (config.debuginfod.empty() && usual != nullptr) config.debuginfod = Words(usual);
  if (!config.debuginfod.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--debuginfod knows no server to ask: give one, as in --debuginfod "
      "https://debuginfod.debian.net, or set DEBUGINFOD_URLS");
}

absl::Status Between(const char* flag, uint64_t value, uint64_t low, uint64_t high,
                     std::string (*text)(uint64_t)) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " must be between ", text(low), " and ", text(high)));
}

absl::Status ValidateTls(const Config& config) {
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key must be given together");
  }
  if (!config.tls_client_ca.empty() && config.tls_cert.empty()) {
    return absl::InvalidArgumentError(
        "--tls-client-ca verifies clients over TLS: give --tls-cert and --tls-key too");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const Config& config) {
  constexpr uint64_t kDay = 86'400'000'000'000;
  constexpr uint64_t kSecond = 1'000'000'000;
  absl::Status status =
      Between("--window", config.window_ns, kSecond / 10, kDay / 24, DurationText);
  status.Update(
      Between("--history-time", config.history_time_ns, kSecond, 30 * kDay, DurationText));
  status.Update(Between("--history-bytes", config.history_bytes, 1 << 20, 1ULL << 40, BytesText));
  status.Update(Between("--period", config.period_ns, 0, 4 * kSecond, DurationText));
  status.Update(Between("--ring-bytes", config.ring_bytes, 64 << 10, 1ULL << 30, BytesText));
  if (config.cpu_hz > 1000) {
    status.Update(absl::InvalidArgumentError("--cpu-hz must be between 0 and 1000"));
  }
  if (config.listen.empty()) {
    status.Update(absl::InvalidArgumentError("--listen needs an address"));
  }
  status.Update(
      Between("--debuginfod-bytes", config.debuginfod_bytes, 1 << 20, 1ULL << 40, BytesText));
  if (!config.debuginfod.empty() && !config.replay.empty()) {
    status.Update(
        absl::InvalidArgumentError("--debuginfod is not for --replay: recordings hold names"));
  }
  status.Update(ValidateTls(config));
  return status;
}

std::variant<Config, EarlyExit> ParseConfig(int argc, const char* const* argv) {
  Config config;
  CLI::App app{kDescription, "waitscoped"};
  app.footer(kFooter);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  AddServing(app, config);
  AddMeasuring(app, config);
  AddDebuginfod(app, config);
  AddRunning(app, config);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help and --version
    std::ostringstream out;
    app.exit(asked, out, out);
    return EarlyExit{ExitCode::kOk, out.str()};
  } catch (const CLI::ParseError& error) {
    return EarlyExit{ExitCode::kUsage,
                     absl::StrCat("waitscoped: ", error.what(), "\nTry: waitscoped --help\n")};
  }
  absl::Status status = ChooseServers(app, config);
  status.Update(Validate(config));
  if (status.ok()) return config;
  return EarlyExit{ExitCode::kUsage, absl::StrCat("waitscoped: ", status.message(), "\n")};
}

std::string ConfigText(const Config& config) {
  std::string text;
  for (const std::string& address : config.listen)
    absl::StrAppend(&text, "--listen ", address, "\n");
  absl::StrAppend(&text, "--window ", DurationText(config.window_ns), "\n");
  absl::StrAppend(&text, "--history-time ", DurationText(config.history_time_ns), "\n");
  absl::StrAppend(&text, "--history-bytes ", BytesText(config.history_bytes), "\n");
  absl::StrAppend(&text, "--period ", DurationText(config.period_ns), "\n");
  absl::StrAppend(&text, "--max-samples ", config.max_samples, "\n");
  absl::StrAppend(&text, "--cpu-hz ", config.cpu_hz, "\n");
  absl::StrAppend(&text, "--user-stacks ", config.user_stacks, "\n");
  absl::StrAppend(&text, "--ring-bytes ", BytesText(config.ring_bytes), "\n");
  absl::StrAppend(&text, "--log-level ", config.log_level, "\n");
  if (!config.debuginfod.empty()) {
    absl::StrAppend(&text, "--debuginfod ", absl::StrJoin(config.debuginfod, " "),
                    "\n--debuginfod-cache ", config.debuginfod_cache, "\n--debuginfod-bytes ",
                    BytesText(config.debuginfod_bytes), "\n");
  }
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&text, flag, " ", value, "\n");
  };
  add("--tls-cert", config.tls_cert);
  add("--tls-key", config.tls_key);
  add("--tls-client-ca", config.tls_client_ca);
  add("--replay", config.replay);
  return text;
}

}  // namespace waitscope
