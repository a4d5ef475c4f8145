// SIGINT, SIGTERM, SIGHUP as a question to ask, so that private agents, partial files and the
// terminal are always put away.
#pragma once

#include <optional>

namespace waitscope::cli {

struct Interrupt {
  int signal = 0;
  bool from_terminal = false;  // so the whole foreground process group has got it
};

// One per process, made before any thread is. Children must be started with an empty signal mask
// and the default action for SIGPIPE, which is ignored here: a closed output is an error to report.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  // True from the first signal on.
  bool Pending();
  // The next signal, for handing on to a command.
  std::optional<Interrupt> Take();
  // Those so far were meant for a command that has ended.
  void Forget() { pending_ = false; }
  // Readable when a signal waits.
  int fd() const { return fd_; }

 private:
  int fd_;
  bool pending_ = false;
};

}  // namespace waitscope::cli
