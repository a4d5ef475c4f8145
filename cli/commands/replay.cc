#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/recording.h"

namespace waitscope::cli {
namespace {

absl::StatusOr<int> Replay(const Session& session, const std::vector<std::string>& words) {
  if (words.empty()) {
    return absl::InvalidArgumentError("no file to replay: waitscope replay FILE.wslog threads");
  }
  if (session.replaying) {
    return absl::InvalidArgumentError("already replaying: name a view, like threads or flame");
  }
  const absl::StatusOr<std::unique_ptr<PrivateAgent>> agent = OpenRecording(session, words[0]);
  if (!agent.ok()) return agent.status();
  std::vector<std::string> view(words.begin() + 1, words.end());
  if (view.empty()) view = {"threads"};
  return RunCommandLine(view, ReplaySession(session, **agent));
}

Action Add(CLI::App& app) {
  LeaveRestUnread(app);
  return [&app](const Session& session) { return Replay(session, UnreadWords(app)); };
}

}  // namespace

const Command kReplay = {
    "replay",
    "any view on a recording; threads when none is named",
    "As the view has them.\n",
    "waitscope replay slow.wslog threads --pid 4711\n"
    "waitscope replay slow.wslog flame --kind lock -o locks.svg\n",
    Add,
    "FILE [VIEW [OPTION...]]",
};

}  // namespace waitscope::cli
