#include "cli/render/status.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/findings.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/table.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostFindings = 10;

uint64_t Ns(const google::protobuf::Duration& duration) {
  return static_cast<uint64_t>(duration.seconds()) * 1'000'000'000 +
         static_cast<uint64_t>(duration.nanos());
}

std::string AgentLine(const v1::Status& status) {
  const v1::Header& header = status.header();
  return absl::StrFormat("waitscope %s  %s  %s  %d cpus  %s %s\n",
                         Printable(header.agent_version()), Printable(header.host()),
                         Printable(header.kernel()), header.cpus(),
                         status.replay() ? "replaying" : "agent up", StretchText(Ns(status.up())));
}

std::string HistoryLine(const v1::Status& status) {
  return absl::StrFormat("threads %s   windows of %s, %d kept in %s of %s\n",
                         CountText(status.threads()), StretchText(Ns(status.window())),
                         status.history_windows(), BytesText(status.history_bytes()),
                         BytesText(status.history_limit_bytes()));
}

std::string StackTimeLine(const v1::Header& header) {
  if (header.stack_time().empty()) return "";
  uint64_t total_ns = 0;
  std::vector<std::string> parts;
  for (const v1::StackTime& row : header.stack_time()) {
    total_ns += row.ns();
    parts.push_back(absl::StrCat(Printable(row.class_()), " ", DurationText(row.ns())));
  }
  return absl::StrFormat("user stacks of %s off the processors: %s\n", DurationText(total_ns),
                         absl::StrJoin(parts, ", "));
}

std::string DiagnosisLine(const v1::Status& status) {
  if (status.diagnoses() == 0) return "";
  return absl::StrFormat("looked for findings %s times, %s of CPU each\n",
                         CountText(status.diagnoses()),
                         DurationText(status.diagnosis_cpu_ns() / status.diagnoses()));
}

std::string FindingsText(const TextStyle& style, const v1::Status& status) {
  Table table({{"FINDINGS", Align::kLeft},
               {"", Align::kLeft},
               {"PID"},
               {"", Align::kLeft, true},
               {"", Align::kLeft}});
  for (const v1::Finding& finding : status.findings()) {
    if (table.size() == kMostFindings) break;
    table.Add({{SeverityText(finding), HueOfFinding(finding)},
               {finding.condition()},
               {absl::StrCat(finding.process().pid())},
               {finding.process().comm()},
               {WhenText(finding, status.header()), finding.lasting() ? Hue::kPlain : Hue::kDim}});
  }
  return table.empty() ? "" : "\n" + table.Render(style);
}

std::string CapabilityText(const TextStyle& style, const v1::Status& status) {
  Table table({{"KERNEL GIVES", Align::kLeft}, {"", Align::kLeft}, {"", Align::kLeft, true}});
  for (const v1::Capability& capability : status.capabilities()) {
    table.Add({{capability.name()},
               capability.present() ? Cell{"yes", Hue::kRunning} : Cell{"no", Hue::kWarning},
               {capability.detail()}});
  }
  return table.empty() ? "" : "\n" + table.Render(style);
}

Cell PerRun(const v1::Program& program) {
  if (program.run_count() == 0) return {"-"};
  return {absl::StrFormat(
      "%.0f ns", static_cast<double>(program.run_ns()) / static_cast<double>(program.run_count()))};
}

std::string ProgramText(const TextStyle& style, const v1::Status& status) {
  Table table({{"PROGRAM", Align::kLeft, true},
               {"ATTACHED", Align::kLeft},
               {"RUNS"},
               {"EACH"},
               {"SKIPPED"}});
  for (const v1::Program& program : status.programs()) {
    const uint64_t skipped = program.recursion_misses();
    table.Add(
        {{program.name()},
         program.attached() ? Cell{program.attach()} : Cell{"no", Hue::kDim},
         {program.run_count() == 0 ? "-" : CountText(program.run_count())},
         PerRun(program),
         {skipped == 0 ? "-" : CountText(skipped), skipped == 0 ? Hue::kDim : Hue::kWarning}});
  }
  return table.empty() ? "" : "\n" + table.Render(style);
}

}  // namespace

std::string RenderStatus(const v1::Status& status, const TextStyle& style) {
  return absl::StrCat(
      AgentLine(status), HistoryLine(status), StackTimeLine(status.header()), DiagnosisLine(status),
      FindingsText(style, status), CapabilityText(style, status), ProgramText(style, status), "\n",
      Closing(style, status.header(), NextCommand(status.findings(), "waitscope top")));
}

}  // namespace waitscope::cli
