// What a command of `waitscope` is: one file in commands/ and one row in the table of commands.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/session.h"

namespace waitscope::cli {

// Runs with the options it was made for; returns the exit code.
using Action = std::function<absl::StatusOr<int>(const Session&)>;

struct Command {
  absl::string_view name;
  absl::string_view summary;
  absl::string_view units;     // of what it shows, a sentence or two a line
  absl::string_view examples;  // one a line
  // Declares the command's options on its own parser.
  Action (*add)(CLI::App& app);
  absl::string_view rest = "";  // what the command line goes on with, where that is left unread
};

// In the order --help shows them.
std::span<const Command* const> AllCommands();

// Parses and runs one command line, without the program's name. Errors are reported, not returned.
int RunCommandLine(const std::vector<std::string>& words, const Session& base);

}  // namespace waitscope::cli
