#include <locale.h>
#include <stdlib.h>

#include "cli/command.h"

int main(int argc, char** argv) {
  setlocale(LC_CTYPE, "");
  waitscope::cli::Interrupts interrupts;
  waitscope::cli::Session session;
  session.interrupts = &interrupts;
  if (const char* endpoint = getenv("WAITSCOPE_ENDPOINT")) session.endpoint.endpoint = endpoint;
  return waitscope::cli::RunCommandLine({argv + 1, argv + argc}, session);
}
