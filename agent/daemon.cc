#include "agent/daemon.h"

#include <malloc.h>
#include <signal.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "agent/answers.h"
#include "agent/measurement.h"
#include "agent/pipeline.h"
#include "agent/sinks/server.h"

namespace waitscope {
namespace {

constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 200'000'000};

// The C library gives each of many threads a heap of its own and returns memory reluctantly: what
// one answer took would stay for all time.
void KeepHeapSmall() {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

spdlog::logger MakeLogger(const Config& config) {
  spdlog::logger log("waitscoped", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log.set_pattern("%n: %l: %v");
  log.set_level(spdlog::level::from_str(config.log_level));
  return log;
}

// Blocked in every thread, since this runs before there are others: only Wait below takes them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// False when the parent ended before we asked to be told.
bool FollowParent() {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  return getppid() == parent;
}

// False when whoever wanted to know is gone.
bool TellReady(int fd) {
  if (fd < 0) return true;
  constexpr std::string_view kReady = "ready\n";
  const bool told = write(fd, kReady.data(), kReady.size()) > 0;
  close(fd);
  return told;
}

// Whoever made the directory for us may have been killed meanwhile.
class RemovedAtEnd {
 public:
  explicit RemovedAtEnd(std::string directory) : directory_(std::move(directory)) {}
  ~RemovedAtEnd() {
    if (!directory_.empty()) rmdir(directory_.c_str());
  }
  RemovedAtEnd(const RemovedAtEnd&) = delete;
  RemovedAtEnd& operator=(const RemovedAtEnd&) = delete;

 private:
  std::string directory_;
};

ServerOptions ServerOptionsFrom(const Config& config) {
  return {.listen = config.listen, .tls = {config.tls_cert, config.tls_key, config.tls_client_ca}};
}

Pipeline::Options PipelineOptionsFrom(const Config& config, const Measurement& measurement) {
  Pipeline::Options options;
  options.replay = !config.replay.empty();
  // A recording is as old as it is: only memory bounds how much of it is kept.
  options.history = {.time_ns = options.replay ? INT64_MAX : config.history_time_ns,
                     .bytes = config.history_bytes,
                     .window_ns = options.replay ? 0 : config.window_ns};
  options.publisher.remember = measurement.naming.remember;
  options.publisher.arrivals = measurement.naming.arrivals;
  return options;
}

Answers::Options AnswersOptionsFrom(const Config& config, const Measurement& measurement) {
  Answers::Options options;
  options.window_ns = config.window_ns;
  options.history_limit_bytes = config.history_bytes;
  options.replay = !config.replay.empty();
  options.capabilities = measurement.capabilities;
  options.programs = measurement.programs;
  return options;
}

enum class Woken { kByEnd, kBySignal };

// Until a stop signal comes, or the source has no more to say.
Woken WaitForEnd(const sigset_t& signals, const Pipeline& pipeline) {
  while (sigtimedwait(&signals, nullptr, &kLook) < 0) {
    if (pipeline.Ended()) return Woken::kByEnd;
  }
  return Woken::kBySignal;
}

// Reads all of a recording before anybody can ask about it.
absl::Status ReadRecording(const sigset_t& signals, const Pipeline& pipeline, spdlog::logger& log) {
  if (WaitForEnd(signals, pipeline) == Woken::kBySignal) {
    return absl::CancelledError("told to stop while reading the recording");
  }
  const absl::Status status = pipeline.EndStatus();
  const uint32_t windows = pipeline.history().Usage().windows;
  if (!status.ok() && windows > 0) log.warn("{}", std::string(status.message()));
  if (windows > 0) return absl::OkStatus();
  return status.ok() ? absl::UnavailableError("the recording holds no whole window") : status;
}

absl::Status Serve(const Config& config, spdlog::logger& log) {
  const sigset_t signals = BlockStopSignals();
  const RemovedAtEnd directory(config.remove_directory);  // after the sockets in it
  if (config.exit_with_parent && !FollowParent()) return absl::OkStatus();
  // The addresses first: a second agent should be told so before it loads anything.
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Claim(ServerOptionsFrom(config));
  if (!server.ok()) return server.status();
  const absl::StatusOr<Measurement> measurement = OpenMeasurement(config);
  if (!measurement.ok()) return measurement.status();
  Pipeline pipeline(*measurement->source, *measurement->naming.symbolizer,
                    PipelineOptionsFrom(config, *measurement));
  Answers answers(pipeline, AnswersOptionsFrom(config, *measurement));
  pipeline.Start();
  const bool replay = !config.replay.empty();
  if (replay) {
    if (absl::Status status = ReadRecording(signals, pipeline, log); !status.ok()) return status;
  }
  if (absl::Status status = (*server)->Start(answers); !status.ok()) return status;
  log.info("serving on {}", absl::StrJoin((*server)->addresses(), ", "));
  if (!config.debuginfod.empty()) {
    log.info("asking {} for symbols", absl::StrJoin(config.debuginfod, ", "));
  }
  const bool told = TellReady(config.ready_fd);
  // A parent that died before FollowParent has left nobody to read: without it we stop too.
  if (told || !config.exit_with_parent) {
    if (replay) {
      sigwaitinfo(&signals, nullptr);
    } else {
      WaitForEnd(signals, pipeline);
    }
  }
  const absl::Status ended = replay ? absl::OkStatus() : pipeline.EndStatus();
  log.info("stopping");
  // First the pipeline, so that calls in progress end with a reason.
  pipeline.Stop();
  server->reset();
  return ended;
}

}  // namespace

ExitCode RunDaemon(const Config& config) {
  KeepHeapSmall();
  spdlog::logger log = MakeLogger(config);
  const absl::Status status = Serve(config, log);
  if (status.ok() || absl::IsCancelled(status)) return ExitCode::kOk;
  log.critical("{}", std::string(status.message()));
  return ExitCodeOf(status);
}

}  // namespace waitscope
