#include "cli/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace waitscope::cli {
namespace {

// In the child, where other threads' locks may be held for ever: system calls only. The pipe
// closes by itself when the command runs.
[[noreturn]] void Execute(int error_fd, char* const* arguments) {
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvp(arguments[0], arguments);
  const int error = errno;
  if (write(error_fd, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

// 0 when the pipe was closed without a word.
int ReadError(int fd) {
  int error = 0;
  while (read(fd, &error, sizeof error) < 0 && errno == EINTR) {
  }
  return error;
}

int ExitCodeFrom(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void HandOn(pid_t pid, Interrupts* interrupts) {
  while (const std::optional<Interrupt> interrupt = interrupts->Take()) {
    if (!interrupt->from_terminal) kill(pid, interrupt->signal);
  }
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("cannot make a pipe: ", strerror(errno)));
  }
  const pid_t pid = fork();
  if (pid == 0) Execute(error_pipe[1], arguments.data());
  const int fork_error = errno;
  close(error_pipe[1]);
  const int exec_error = pid < 0 ? 0 : ReadError(error_pipe[0]);
  close(error_pipe[0]);
  if (pid < 0) return absl::InternalError(absl::StrCat("cannot fork: ", strerror(fork_error)));
  return ChildProcess(pid, exec_error);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exec_error_(other.exec_error_) {}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

int ChildProcess::Wait(Interrupts* interrupts) {
  const int pid_fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    // Without pidfd_open (before 5.3) the timeout notices the end.
    pollfd polled[] = {{interrupts->fd(), POLLIN, 0}, {pid_fd, POLLIN, 0}};
    poll(polled, 2, pid_fd < 0 ? 20 : 1000);
    HandOn(pid_, interrupts);
  }
  if (pid_fd >= 0) close(pid_fd);
  pid_ = -1;
  return ExitCodeFrom(status);
}

}  // namespace waitscope::cli
