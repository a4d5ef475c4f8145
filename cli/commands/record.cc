#include <stdio.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/commands/commands.h"
#include "cli/duration.h"
#include "cli/output_format.h"
#include "cli/render/number.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

struct RecordOptions {
  TargetOptions target;
  std::string duration = "5s";
  std::string file;
  bool syscalls = false;
};

std::string FileOf(const RecordOptions& options) {
  if (!options.file.empty()) return options.file;
  return absl::StrCat("waitscope-",
                      absl::FormatTime("%Y%m%d-%H%M%S", absl::Now(), absl::LocalTimeZone()),
                      ".wslog");
}

absl::StatusOr<v1::RecordRequest> RequestOf(const RecordOptions& options) {
  const absl::StatusOr<absl::Duration> duration = ParseDuration("--duration", options.duration);
  if (!duration.ok()) return duration.status();
  v1::RecordRequest request;
  *request.mutable_duration() = ToProto(*duration);
  *request.mutable_target() = ToTarget(options.target);
  request.set_syscalls(options.syscalls);
  return request;
}

// The stream into the file; the file is kept when the agent was lost on the way, since what came
// until then replays.
absl::Status Receive(const Session& session, const v1::RecordRequest& request, OutputFile* file,
                     uint64_t* bytes) {
  absl::StatusOr<Connection> connection = Connect(session, Needs::kAnyAgent);
  if (!connection.ok()) return connection.status();
  Progress progress("recording", absl::Seconds(request.duration().seconds()));
  connection->client->set_tick([&session, &progress] {
    progress.Tick();
    return !session.interrupts->Pending();
  });
  return connection->client->Record(request, [file, bytes](absl::string_view data) {
    *bytes += data.size();
    return file->Write(data);
  });
}

absl::StatusOr<int> RecordToFile(const Session& session, const RecordOptions& options) {
  const absl::StatusOr<v1::RecordRequest> request = RequestOf(options);
  if (!request.ok()) return request.status();
  const std::string path = FileOf(options);
  if (absl::Status named = CheckRecordingName(path); !named.ok()) return named;
  absl::StatusOr<OutputFile> file = OutputFile::Create(path);
  if (!file.ok()) return file.status();
  uint64_t bytes = 0;
  const absl::Status received = Receive(session, *request, &*file, &bytes);
  const bool lost = absl::IsUnavailable(received) || absl::IsDeadlineExceeded(received);
  if (!received.ok() && !(lost && bytes > 0)) return received;
  if (absl::Status finished = file->Finish(); !finished.ok()) return finished;
  printf("%s: %s%s\nnext: waitscope replay %s threads\n", path.c_str(), BytesText(bytes).c_str(),
         lost ? ", cut short" : "", path.c_str());
  if (lost) return received;
  return kOk;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<RecordOptions>();
  AddTargetOptions(app, options->target);
  AddOption(app, "--duration,-d", options->duration, "record this long (default 5s)");
  AddOption(app, "-o,--output-file,FILE", options->file,
            "write to this file (default waitscope-DATE-TIME.wslog)");
  AddFlag(app, "--syscalls", options->syscalls, "system calls too, at their cost");
  return [options](const Session& session) { return RecordToFile(session, *options); };
}

}  // namespace

const Command kRecord = {
    "record",
    "write the agent's records to a file, for replay anywhere",
    "The file holds what the kernel told, in nanoseconds; `replay` shows it.\n",
    "waitscope record --duration 30s -o slow.wslog\n"
    "waitscope record --pid 4711 --syscalls -o orders.wslog\n",
    Add,
};

}  // namespace waitscope::cli
