// neutral_log IN.wslog OUT.wslog [FROM=TO...]: the same recording, without the machine's own names.
#include <fstream>
#include <iostream>
#include <vector>

#include "agent/source/log_reader.h"
#include "agent/source/log_writer.h"
#include "tests/diagnose/neutral.h"

namespace waitscope {
namespace {

absl::StatusOr<std::vector<Event>> EventsOf(const char* path) {
  std::ifstream in(path, std::ios::binary);
  LogReader reader(in);
  std::vector<Event> events;
  for (;;) {
    absl::StatusOr<std::optional<Event>> event = reader.Next();
    if (!event.ok()) return event.status();
    if (!event->has_value()) return events;
    events.push_back(**std::move(event));
  }
}

absl::Status Write(const std::vector<Event>& events, const Neutral& neutral, const char* path) {
  std::ofstream out(path, std::ios::binary);
  LogWriter log(
      [&](std::string_view bytes) {
        out << bytes;
        return out.good() ? absl::OkStatus() : absl::InternalError("the log cannot be written");
      },
      LogWriter::kSmall);
  for (const Event& event : events) {
    const std::optional<Event> kept = neutral.Of(event);
    if (!kept) continue;
    if (absl::Status status = log.Write(*kept); !status.ok()) return status;
  }
  return log.Finish();
}

absl::Status Run(const std::vector<char*>& arguments) {
  Replacements replacements;
  for (size_t at = 2; at < arguments.size(); ++at) {
    const std::string_view rule = arguments[at];
    const size_t middle = rule.find('=');
    if (middle == 0 || middle == std::string_view::npos) {
      return absl::InvalidArgumentError("a replacement is FROM=TO");
    }
    replacements.emplace_back(rule.substr(0, middle), rule.substr(middle + 1));
  }
  const absl::StatusOr<std::vector<Event>> events = EventsOf(arguments[0]);
  if (!events.ok()) return events.status();
  Neutral neutral(std::move(replacements));
  for (const Event& event : *events) neutral.Notice(event);
  return Write(*events, neutral, arguments[1]);
}

}  // namespace
}  // namespace waitscope

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: neutral_log IN.wslog OUT.wslog [FROM=TO...]\n";
    return 2;
  }
  const absl::Status status = waitscope::Run({argv + 1, argv + argc});
  if (!status.ok()) std::cerr << "neutral_log: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
