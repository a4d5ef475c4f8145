#include "cli/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace waitscope::cli {
namespace {

constexpr absl::string_view kMagic = "WSLOG";

absl::Status CheckReadable(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0 || access(path.c_str(), R_OK) != 0) {
    return absl::DataLossError(absl::StrCat("cannot read ", path, ": ", strerror(errno)));
  }
  if (S_ISDIR(info.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, " is a directory, not a recording"));
  }
  return absl::OkStatus();
}

// The agent usually names the file itself.
std::string WhyNot(const std::string& path, const absl::Status& status) {
  absl::string_view message = status.message();
  absl::ConsumePrefix(&message, "the private agent did not start: ");
  return absl::StrContains(message, path) ? absl::StrCat("cannot replay ", message)
                                          : absl::StrCat("cannot replay ", path, ": ", message);
}

}  // namespace

bool LooksLikeRecording(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char start[kMagic.size()];
  const ssize_t got = read(fd, start, sizeof start);
  close(fd);
  return got == static_cast<ssize_t>(sizeof start) &&
         absl::string_view(start, sizeof start) == kMagic;
}

absl::StatusOr<std::unique_ptr<PrivateAgent>> OpenRecording(const Session& session,
                                                            const std::string& path) {
  if (absl::Status readable = CheckReadable(path); !readable.ok()) return readable;
  if (!LooksLikeRecording(path)) {
    return absl::DataLossError(
        absl::StrCat(path, " is not a recording: make one with `waitscope record -o FILE.wslog`"));
  }
  absl::StatusOr<std::unique_ptr<PrivateAgent>> agent =
      PrivateAgent::Start(AgentProgram(), {"--replay", path}, session.interrupts);
  if (agent.ok() || absl::IsCancelled(agent.status())) return agent;
  return absl::DataLossError(WhyNot(path, agent.status()));
}

Session ReplaySession(const Session& session, const PrivateAgent& agent) {
  Session replay = session;
  replay.endpoint = EndpointOptions{};
  replay.endpoint.endpoint = agent.endpoint();
  replay.endpoint.timeout = session.endpoint.timeout;
  replay.replaying = true;
  return replay;
}

}  // namespace waitscope::cli
