// A file of its own: the terminal library's header makes macros of common words.
#include "cli/screen_terminal.h"

#include <curses.h>
#include <term.h>
#include <unistd.h>

namespace waitscope::cli {

bool TerminalTakesScreens() {
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return false;
  int error = 0;
  if (setupterm(nullptr, STDOUT_FILENO, &error) != OK) return false;
  const bool moves = cursor_address != nullptr;
  del_curterm(cur_term);
  return moves;
}

}  // namespace waitscope::cli
