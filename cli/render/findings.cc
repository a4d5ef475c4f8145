#include "cli/render/findings.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/render/number.h"
#include "cli/render/report.h"

namespace waitscope::cli {
namespace {

int64_t Ns(const google::protobuf::Timestamp& at) {
  return at.seconds() * 1'000'000'000 + at.nanos();
}

uint64_t Between(int64_t begin_ns, int64_t end_ns) {
  return static_cast<uint64_t>(std::max<int64_t>(0, end_ns - begin_ns));
}

int Rank(const v1::Finding& finding) {
  const int severity = finding.severity() == "critical" ? 2 : finding.severity() == "warning";
  return severity + (finding.lasting() ? 4 : 0);
}

}  // namespace

Hue HueOfFinding(const v1::Finding& finding) {
  if (finding.severity() == "critical") return Hue::kCritical;
  return finding.severity() == "warning" ? Hue::kWarning : Hue::kDim;
}

std::string SeverityText(const v1::Finding& finding) {
  return absl::AsciiStrToUpper(Printable(finding.severity()));
}

std::string WhenText(const v1::Finding& finding, const v1::Header& header) {
  const int64_t now_ns = Ns(header.begin()) + static_cast<int64_t>(DurationNs(header));
  const std::string length =
      absl::StrCat("for ", StretchText(Between(Ns(finding.begin()), Ns(finding.end()))));
  if (finding.lasting()) return absl::StrCat(length, ", and lasts");
  return absl::StrCat(length, ", over since ", StretchText(Between(Ns(finding.end()), now_ns)));
}

std::string FindingText(const v1::Finding& finding, const v1::Header& header) {
  return absl::StrCat(SeverityText(finding), " ", Printable(finding.condition()), ", ",
                      WhenText(finding, header));
}

const v1::Finding* WorstOf(const FindingRows& findings, uint32_t pid) {
  const v1::Finding* worst = nullptr;
  for (const v1::Finding& finding : findings) {
    if (finding.process().pid() != pid) continue;
    if (worst == nullptr || Rank(finding) > Rank(*worst)) worst = &finding;
  }
  return worst;
}

std::string LastingFindings(const FindingRows& findings, const v1::Header& header,
                            const TextStyle& style) {
  std::string text;
  for (const v1::Finding& finding : findings) {
    if (!finding.lasting()) continue;
    const std::string line =
        absl::StrCat(FindingText(finding, header), ": ", Printable(finding.process().comm()),
                     " (pid ", finding.process().pid(), ")");
    text += Paint(style, HueOfFinding(finding), Wrapped(style, line, 2)) + "\n";
  }
  return text.empty() ? "" : text + "\n";
}

std::string NextCommand(const FindingRows& findings, const std::string& otherwise) {
  const v1::Finding* worst = nullptr;
  for (const v1::Finding& finding : findings) {
    if (!finding.lasting()) continue;
    if (worst == nullptr || Rank(finding) > Rank(*worst)) worst = &finding;
  }
  if (worst == nullptr) return otherwise;
  return absl::StrCat("waitscope diagnose --pid ", worst->process().pid());
}

}  // namespace waitscope::cli
