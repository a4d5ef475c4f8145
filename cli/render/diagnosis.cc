#include "cli/render/diagnosis.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/findings.h"
#include "cli/render/frames.h"
#include "cli/render/number.h"
#include "cli/render/report.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostFrames = 6;
constexpr int kIndent = 12;
constexpr int kMostThreads = 4;

std::string Row(const TextStyle& style, absl::string_view name, absl::string_view text) {
  const std::string line = absl::StrFormat("  %-10s%s", std::string(name), Printable(text));
  return Wrapped(style, line, kIndent) + "\n";
}

std::string Title(const v1::Finding& finding, const TextStyle& style) {
  const std::string name =
      absl::StrCat(SeverityText(finding), "  ", Printable(finding.condition()));
  const std::string confidence = absl::StrFormat("confidence %.2f", finding.confidence());
  const int gap = std::max(2, style.width - DisplayWidth(name) - DisplayWidth(confidence));
  return absl::StrCat(Paint(style, HueOfFinding(finding), name),
                      std::string(static_cast<size_t>(gap), ' '),
                      Paint(style, Hue::kDim, confidence), "\n");
}

std::string StackText(const v1::Evidence& evidence) {
  const std::string time = evidence.total_ns() > 0 ? DurationText(evidence.total_ns()) : "";
  return absl::StrCat(time, time.empty() ? "" : " in ", FramesText(evidence.frames(), kMostFrames));
}

std::string NumberText(double value, const std::string& unit) {
  if (unit == "ns") return DurationText(static_cast<uint64_t>(value));
  if (unit == "bytes") return BytesText(static_cast<uint64_t>(value));
  if (unit == "share") return absl::StrFormat("%.0f %%", value * 100);
  const std::string number = value == static_cast<double>(static_cast<int64_t>(value))
                                 ? CountText(static_cast<uint64_t>(value))
                                 : absl::StrFormat("%.1f", value);
  return absl::StrCat(number, unit.empty() ? "" : " ", unit);
}

std::string MetricText(const v1::Evidence& evidence) {
  std::string text =
      absl::StrCat(evidence.name(), " ", NumberText(evidence.value(), evidence.unit()));
  if (evidence.threshold() != 0) {
    absl::StrAppend(&text, " (limit ", NumberText(evidence.threshold(), evidence.unit()), ")");
  }
  return text;
}

std::string EvidenceLine(const v1::Evidence& evidence, const TextStyle& style) {
  const std::string& kind = evidence.kind();
  if (kind == "stack") return Row(style, "stack", StackText(evidence));
  if (kind == "wait_object") return Row(style, "waits for", evidence.object());
  if (kind == "peer" || kind == "device") return Row(style, kind, evidence.object());
  if (kind == "thread") {
    return Row(style, "thread",
               absl::StrCat(evidence.name(), " (tid ", evidence.tid(), "): ", evidence.role()));
  }
  if (kind == "process") {
    return Row(style, "process",
               absl::StrCat(evidence.object(), ": ", evidence.role(), ", ",
                            DurationText(evidence.total_ns())));
  }
  if (kind == "explains") {
    return Row(style, "explains", absl::StrCat(evidence.object(), ": ", evidence.name()));
  }
  return "";
}

std::string Metrics(const v1::Finding& finding, const TextStyle& style) {
  std::vector<std::string> texts;
  for (const v1::Evidence& evidence : finding.evidence()) {
    if (evidence.kind() == "metric") texts.push_back(MetricText(evidence));
  }
  return texts.empty() ? "" : Row(style, "measured", absl::StrJoin(texts, ", "));
}

std::string Threads(const v1::Finding& finding, const TextStyle& style) {
  std::vector<std::string> names;
  for (const v1::FindingThread& thread : finding.threads()) {
    names.push_back(absl::StrCat(thread.comm(), " ", thread.tid()));
    if (static_cast<int>(names.size()) == kMostThreads) break;
  }
  if (names.empty()) return "";
  std::string text = absl::StrJoin(names, ", ");
  if (finding.threads_size() > kMostThreads) {
    absl::StrAppend(&text, " and ", finding.threads_size() - kMostThreads, " more");
  }
  return Row(style, "threads", text);
}

std::string Checks(const v1::Finding& finding, const TextStyle& style) {
  std::string text;
  for (const v1::Evidence& evidence : finding.evidence()) {
    if (evidence.kind() == "check") text += Row(style, "check", evidence.command());
  }
  return text;
}

std::string Unread(const v1::Finding& finding, const TextStyle& style) {
  const uint64_t age_ns = finding.impact().unread_request_age_p99_ns();
  if (age_ns == 0) return "";
  return Row(style, "unread",
             absl::StrCat("requests wait ", DurationText(age_ns), " (p99) until they are read"));
}

std::string Section(const v1::Finding& finding, const v1::Header& header, const TextStyle& style) {
  std::string text = Title(finding, style);
  text += Wrapped(style, "  " + Printable(finding.summary()), 2) + "\n";
  if (finding.has_begin()) text += Paint(style, Hue::kDim, "  " + WhenText(finding, header)) + "\n";
  text += "\n";
  text += Threads(finding, style);
  for (const v1::Evidence& evidence : finding.evidence()) text += EvidenceLine(evidence, style);
  text += Metrics(finding, style);
  text += Unread(finding, style);
  text += Row(style, "fix", finding.advice());
  text += Checks(finding, style);
  return text + "\n";
}

std::string NextCommand(const v1::Diagnosis& diagnosis, const std::string& target_flags) {
  if (diagnosis.findings().empty()) return absl::StrCat("waitscope threads", target_flags);
  return absl::StrCat("waitscope flame --pid ", diagnosis.findings(0).process().pid(),
                      " --kind wall");
}

}  // namespace

std::string RenderDiagnosis(const v1::Diagnosis& diagnosis, const std::string& target_flags,
                            const TextStyle& style) {
  std::string text = PlaceAndTime(diagnosis.header()) + "\n\n";
  for (const v1::Finding& finding : diagnosis.findings()) {
    text += Section(finding, diagnosis.header(), style);
  }
  if (diagnosis.findings().empty()) text += "nothing wrong found\n\n";
  return text + Closing(style, diagnosis.header(), NextCommand(diagnosis, target_flags));
}

}  // namespace waitscope::cli
