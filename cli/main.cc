#include <locale.h>

#include "cli/command.h"

int main(int argc, char** argv) {
  setlocale(LC_CTYPE, "");
  waitscope::cli::Interrupts interrupts;
  waitscope::cli::Session session;
  session.interrupts = &interrupts;
  return waitscope::cli::RunCommandLine({argv + 1, argv + argc}, session);
}
