#include "cli/gated_child.h"

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

struct Pipe {
  int read_fd = -1;
  int write_fd = -1;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("cannot make a pipe: ", strerror(errno)));
  }
  return Pipe{fds[0], fds[1]};
}

// In the child, where other threads' locks may be held for ever: system calls only.
[[noreturn]] void WaitAndExecute(int gate_fd, int exec_error_fd, char* const* arguments) {
  char byte = 0;
  if (read(gate_fd, &byte, 1) != 1) _exit(0);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvp(arguments[0], arguments);
  const int error = errno;
  if (write(exec_error_fd, &error, sizeof error) < 0) _exit(126);
  _exit(127);
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

absl::StatusOr<GatedChild> GatedChild::Start(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const absl::StatusOr<Pipe> gate = MakePipe();
  if (!gate.ok()) return gate.status();
  const absl::StatusOr<Pipe> exec_error = MakePipe();
  if (!exec_error.ok()) return exec_error.status();
  const pid_t pid = fork();
  if (pid < 0) return absl::InternalError(absl::StrCat("cannot fork: ", strerror(errno)));
  if (pid == 0) {
    close(gate->write_fd);
    WaitAndExecute(gate->read_fd, exec_error->write_fd, arguments.data());
  }
  close(gate->read_fd);
  close(exec_error->write_fd);
  return GatedChild(pid, gate->write_fd, exec_error->read_fd);
}

GatedChild::GatedChild(GatedChild&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      gate_fd_(std::exchange(other.gate_fd_, -1)),
      exec_error_fd_(std::exchange(other.exec_error_fd_, -1)) {}

GatedChild::~GatedChild() {
  if (gate_fd_ >= 0) close(gate_fd_);
  if (exec_error_fd_ >= 0) close(exec_error_fd_);
  // Without a byte through the gate the child ends by itself.
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

int GatedChild::Release() {
  if (write(gate_fd_, "g", 1) != 1) return errno;
  close(std::exchange(gate_fd_, -1));
  int error = 0;
  if (read(exec_error_fd_, &error, sizeof error) != static_cast<ssize_t>(sizeof error)) return 0;
  return error;
}

int GatedChild::Wait(Interrupts* interrupts) {
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
