#include "cli/private_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace waitscope::cli {
namespace {

constexpr int kReadyFd = 3;
constexpr absl::Duration kStartLimit = absl::Seconds(60);
constexpr absl::Duration kStopLimit = absl::Seconds(5);
constexpr int kCapSysAdmin = 21;
constexpr int kCapPerfmon = 38;
constexpr int kCapBpf = 39;

absl::StatusOr<std::string> MakeDirectory() {
  const char* root = getenv("TMPDIR");
  std::string path =
      absl::StrCat(root != nullptr && *root != '\0' ? root : "/tmp", "/waitscope-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::InternalError(absl::StrCat("cannot make a directory for a private agent, ", path,
                                            ": ", strerror(errno), "; set TMPDIR"));
  }
  return path;
}

// What the agent says is kept in memory: a file would outlive a command that is killed.
absl::StatusOr<int> MakeLog() {
  const int fd = memfd_create("waitscoped-log", MFD_CLOEXEC);
  if (fd >= 0) return fd;
  return absl::InternalError(
      absl::StrCat("cannot make room for a private agent's log: ", strerror(errno)));
}

std::string ReadLog(int fd) {
  std::string text(64 << 10, '\0');
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

struct Spawned {
  pid_t pid;
  int ready_fd;
};

// The agent gets its own session: an interrupt from the keyboard reaches only this command, which
// then ends it in order, and the scheduler's autogroup gives it a fair share of the CPU beside a
// thousand busy threads that were started from the same terminal.
absl::StatusOr<Spawned> Spawn(const std::vector<std::string>& words, int log_fd) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return absl::InternalError(strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, log_fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, log_fd, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ready[1], kReadyFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t defaults = none;
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int error =
      posix_spawnp(&pid, words[0].c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ready[1]);
  if (error == 0) return Spawned{pid, ready[0]};
  close(ready[0]);
  return absl::UnavailableError(
      absl::StrCat("cannot start a private agent, ", words[0], ": ", strerror(error),
                   error == ENOENT ? ". Install waitscoped beside waitscope or in PATH" : ""));
}

// True when the agent said it is ready; false when it ended instead or took too long.
bool AwaitReady(int fd, Interrupts* interrupts) {
  const absl::Time limit = absl::Now() + kStartLimit;
  std::string said;
  while (absl::Now() < limit && !interrupts->Pending()) {
    pollfd polled{fd, POLLIN, 0};
    if (poll(&polled, 1, 100) <= 0) continue;
    char buffer[64];
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) return false;
    said.append(buffer, static_cast<size_t>(got));
    if (absl::StrContains(said, "ready")) return true;
  }
  return false;
}

void Stop(pid_t pid) {
  kill(pid, SIGTERM);
  const absl::Time limit = absl::Now() + kStopLimit;
  while (waitpid(pid, nullptr, WNOHANG) == 0) {
    if (absl::Now() > limit) kill(pid, SIGKILL);
    absl::SleepFor(absl::Milliseconds(5));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateAgent>> PrivateAgent::Start(
    const std::string& program, const std::vector<std::string>& arguments, Interrupts* interrupts) {
  absl::StatusOr<std::string> directory = MakeDirectory();
  if (!directory.ok()) return directory.status();
  std::unique_ptr<PrivateAgent> agent(new PrivateAgent(*std::move(directory)));
  const absl::StatusOr<int> log_fd = MakeLog();
  if (!log_fd.ok()) return log_fd.status();
  agent->log_fd_ = *log_fd;
  std::vector<std::string> words = {program,
                                    "--listen",
                                    agent->endpoint(),
                                    "--exit-with-parent",
                                    "--remove-directory",
                                    agent->directory_,
                                    "--ready-fd",
                                    absl::StrCat(kReadyFd)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const absl::StatusOr<Spawned> spawned = Spawn(words, *log_fd);
  if (!spawned.ok()) return spawned.status();
  agent->pid_ = spawned->pid;
  const bool ready = AwaitReady(spawned->ready_fd, interrupts);
  close(spawned->ready_fd);
  if (interrupts->Pending()) return absl::CancelledError("interrupted");
  if (ready) return agent;
  return absl::UnavailableError(
      absl::StrCat("the private agent did not start: ", agent->LastWords()));
}

std::string AgentProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && access((self.parent_path() / "waitscoped").c_str(), X_OK) == 0) {
    return self.parent_path() / "waitscoped";
  }
  return "waitscoped";
}

PrivateAgent::~PrivateAgent() {
  if (pid_ > 0) Stop(pid_);
  if (log_fd_ >= 0) close(log_fd_);
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

std::string PrivateAgent::endpoint() const {
  return absl::StrCat("unix:", directory_, "/agent.sock");
}

std::string PrivateAgent::LastWords() const {
  const std::string log = ReadLog(log_fd_);
  if (log.empty()) return "it said nothing";
  const std::vector<absl::string_view> lines =
      absl::StrSplit(absl::StripTrailingAsciiWhitespace(log), '\n');
  const size_t first = lines.size() > 3 ? lines.size() - 3 : 0;
  return absl::StrReplaceAll(
      absl::StrJoin(lines.begin() + static_cast<ptrdiff_t>(first), lines.end(), "\n  "),
      {{"waitscoped: critical: ", ""},
       {"waitscoped: error: ", ""},
       {"choose another path with --listen", "set TMPDIR"}});
}

std::string MissingCapabilities(uint64_t effective) {
  const auto has = [effective](int capability) { return (effective >> capability & 1) != 0; };
  if (has(kCapSysAdmin)) return "";
  std::vector<absl::string_view> missing;
  if (!has(kCapBpf)) missing.push_back("CAP_BPF");
  if (!has(kCapPerfmon)) missing.push_back("CAP_PERFMON");
  return absl::StrJoin(missing, ", ");
}

std::string MissingCapabilities() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    uint64_t effective = 0;
    if (absl::StartsWith(line, "CapEff:") &&
        absl::SimpleHexAtoi(absl::StripAsciiWhitespace(line.substr(7)), &effective)) {
      return MissingCapabilities(effective);
    }
  }
  return "CAP_BPF, CAP_PERFMON";
}

}  // namespace waitscope::cli
