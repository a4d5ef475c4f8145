#include "cli/command.h"

#include <algorithm>
#include <iostream>
#include <map>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/version.h"

namespace waitscope::cli {
namespace {

constexpr absl::string_view kIntroduction =
    "waitscope says what the threads of this machine wait for, and who is to blame.\n"
    "Every nanosecond of every thread is running, runnable, or blocked on something.\n";

std::string ListText(absl::string_view title, absl::string_view lines) {
  std::string text = absl::StrCat(title, ":\n");
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&text, "  ", line, "\n");
  }
  return text;
}

std::string FooterText(const Command& command) {
  return absl::StrCat(ListText("Units", command.units), ListText("Examples", command.examples),
                      "\nSee `waitscope --help` for --endpoint, --color and exit codes.");
}

// The parser knows nothing of words that are left unread, and leaves them out of the usage.
class HelpWithRest : public CLI::Formatter {
 public:
  explicit HelpWithRest(absl::string_view rest) : rest_(rest) {}

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = CLI::Formatter::make_usage(app, std::move(name));
    absl::StripTrailingAsciiWhitespace(&usage);
    return absl::StrCat(usage, rest_.empty() ? "" : " ", rest_, "\n");
  }

 private:
  absl::string_view rest_;
};

void AddGeneralOptions(CLI::App& app, Session& session) {
  // Inside a replay there is one agent to ask.
  if (!session.replaying) AddEndpointOptions(app, session.endpoint);
  app.add_option("--color", session.color, "auto, always or never (default auto; see NO_COLOR)")
      ->check(CLI::IsMember({"auto", "always", "never"}));
}

// General options are taken before and after a command's name. One that leaves words unread must
// know them itself: what it does not know would end its own options.
void TakeGeneralOptions(CLI::App& parser, Session& session) {
  if (!parser.get_prefix_command()) {
    parser.fallthrough();
    return;
  }
  AddGeneralOptions(parser, session);
}

std::map<const CLI::App*, Action> AddCommands(CLI::App& app, Session& session) {
  std::map<const CLI::App*, Action> actions;
  for (const Command* command : AllCommands()) {
    CLI::App* parser =
        app.add_subcommand(std::string(command->name), std::string(command->summary));
    parser->footer(FooterText(*command));
    parser->formatter(std::make_shared<HelpWithRest>(command->rest));
    actions.emplace(parser, command->add(*parser));
    TakeGeneralOptions(*parser, session);
  }
  return actions;
}

int ReportParseResult(const CLI::App& app, const CLI::ParseError& result) {
  const int code = app.exit(result);
  return code == 0 ? kOk : kBadUsage;
}

// CLI11 2.1 hands a subcommand's "--" back to its parent. Under another name it is a word like any
// other: the first that is no option begins the rest (LeaveRestUnread), where it gets its own back.
std::vector<std::string> WithDoubleDashHidden(std::vector<std::string> words) {
  std::replace(words.begin(), words.end(), std::string("--"), std::string(kHiddenDoubleDash));
  return words;
}

int RunAction(const Action& action, const Session& session) {
  const absl::StatusOr<int> code = action(session);
  if (code.ok()) return *code;
  ReportError(session, code.status());
  return ExitCodeOf(code.status());
}

}  // namespace

std::span<const Command* const> AllCommands() {
  static const Command* const commands[] = {
      &kDiagnose, &kStatus, &kTop,      &kThreads, &kPools, &kLoops,  &kLocks,  &kFlame,
      &kIo,       &kRunq,   &kSyscalls, &kWakers,  &kRun,   &kRecord, &kReplay, &kDiff,
  };
  return commands;
}

int RunCommandLine(const std::vector<std::string>& words, const Session& base) {
  Session session = base;
  CLI::App app{std::string(kIntroduction), "waitscope"};
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return absl::StrCat("waitscope: ", error.what(), "\nRun with --help for what is accepted.\n");
  });
  AddGeneralOptions(app, session);
  app.set_version_flag("--version", absl::StrCat("waitscope ", kVersion));
  app.require_subcommand(1);
  app.footer(std::string(kExitCodeHelp));
  const std::map<const CLI::App*, Action> actions = AddCommands(app, session);
  std::vector<std::string> reversed = WithDoubleDashHidden(words);
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& result) {
    return ReportParseResult(app, result);
  }
  return RunAction(actions.at(app.get_subcommands().front()), session);
}

}  // namespace waitscope::cli
