#include "cli/render/report.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/render/number.h"

namespace waitscope::cli {
namespace {

std::string LossLines(const TextStyle& style, const v1::Header& header) {
  std::string lines;
  for (const v1::Loss& loss : header.losses()) {
    if (loss.count() == 0) continue;
    const std::string line =
        absl::StrCat("lost: ", CountText(loss.count()), " x ", loss.reason(), ": ", loss.meaning());
    lines += Paint(style, Hue::kWarning, Wrapped(style, Printable(line), 2)) + "\n";
  }
  return lines;
}

}  // namespace

bool LostSomething(const v1::Header& header) {
  return std::any_of(header.losses().begin(), header.losses().end(),
                     [](const v1::Loss& loss) { return loss.count() > 0; });
}

uint64_t DurationNs(const v1::Header& header) {
  return static_cast<uint64_t>(header.duration().seconds()) * 1'000'000'000 +
         static_cast<uint64_t>(header.duration().nanos());
}

std::string PlaceAndTime(const v1::Header& header) {
  return absl::StrFormat("%s  %s  %d cpu%s  over %s", Printable(header.host()),
                         Printable(header.kernel()), header.cpus(), header.cpus() == 1 ? "" : "s",
                         StretchText(DurationNs(header)));
}

std::string LossSummary(const TextStyle& style, const v1::Header& header) {
  if (!LostSomething(header)) return "lost: nothing";
  std::string summary = "LOST:";
  for (const v1::Loss& loss : header.losses()) {
    if (loss.count() > 0)
      absl::StrAppend(&summary, " ", CountText(loss.count()), " ", loss.reason());
  }
  return Paint(style, Hue::kWarning, Printable(summary));
}

std::string CostSummary(const v1::Header& header) {
  const uint64_t used_ns = header.cost().agent_cpu_ns() + header.cost().bpf_run_ns();
  const std::string share = PercentText(used_ns, DurationNs(header));
  return absl::StrCat("own cost ", share == "-" ? "0 %" : share, " of one core, ",
                      BytesText(header.cost().agent_rss_bytes()));
}

// At the usual T nobody need care.
std::string SamplingLine(const TextStyle& style, const v1::Header& header) {
  constexpr uint64_t kUsualPeriodNs = 10'000'000;
  if (header.period_ns() <= kUsualPeriodNs) return "";
  return Wrapped(style,
                 absl::StrCat("sampled: many waits ended; of those under ",
                              DurationText(header.period_ns()), " some were recorded, for all"),
                 9) +
         "\n";
}

std::string Closing(const TextStyle& style, const v1::Header& header, absl::string_view next) {
  std::string text = LossLines(style, header);
  if (text.empty()) text = "lost: nothing   ";
  text += Paint(style, Hue::kDim, CostSummary(header)) + "\n";
  text += SamplingLine(style, header);
  for (const std::string& note : header.notes()) {
    text += Paint(style, Hue::kWarning, Wrapped(style, "note: " + Printable(note), 6)) + "\n";
  }
  if (!next.empty()) absl::StrAppend(&text, "next: ", next, "\n");
  return text;
}

std::string Wrapped(const TextStyle& style, absl::string_view text, int indent) {
  const size_t lead = std::min(text.find_first_not_of(' '), text.size());
  std::string wrapped(lead, ' ');
  int column = static_cast<int>(lead);
  bool first = true;
  for (const absl::string_view word : absl::StrSplit(text.substr(lead), ' ')) {
    const int width = DisplayWidth(word);
    if (!first && column + 1 + width > style.width) {
      wrapped += "\n" + std::string(static_cast<size_t>(indent), ' ');
      column = indent;
    } else if (!first) {
      wrapped += " ";
      ++column;
    }
    absl::StrAppend(&wrapped, word);
    column += width;
    first = false;
  }
  return wrapped;
}

}  // namespace waitscope::cli
