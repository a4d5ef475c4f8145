#include "cli/interrupts.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace waitscope::cli {

Interrupts::Interrupts() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  fd_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

Interrupts::~Interrupts() { close(fd_); }

bool Interrupts::Pending() {
  while (Take().has_value()) {
  }
  return pending_;
}

std::optional<Interrupt> Interrupts::Take() {
  signalfd_siginfo info;
  if (read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  pending_ = true;
  return Interrupt{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
}

}  // namespace waitscope::cli
