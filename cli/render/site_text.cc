#include "cli/render/site_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/frames.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/wait_text.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostFrames = 4;
constexpr int kIndent = 12;

}  // namespace

std::string PlaceText(const v1::WaitSite& site) {
  std::string text = site.nature();
  const std::string object = site.has_object() ? ObjectText(site.object()) : "";
  if (!object.empty()) absl::StrAppend(&text, " ", object);
  if (!site.syscall().empty()) absl::StrAppend(&text, " in ", site.syscall());
  return text;
}

std::string SiteText(const v1::WaitSite& site) {
  std::string text = DurationText(site.ns());
  if (site.count() > 0) {
    absl::StrAppend(&text, " in ", CountText(site.count()), site.count() == 1 ? " wait" : " waits",
                    " of up to ", DurationText(site.longest_ns()));
  }
  if (site.open()) absl::StrAppend(&text, site.count() > 0 ? ", one not over" : ", not over");
  absl::StrAppend(&text, ": ", PlaceText(site));
  if (!site.frames().empty()) {
    absl::StrAppend(&text, ", at ", FramesText(site.frames(), kMostFrames));
  }
  return text;
}

std::string LabeledLine(const TextStyle& style, absl::string_view label, absl::string_view text) {
  const std::string line = absl::StrFormat("  %-10s%s", std::string(label), Printable(text));
  return Wrapped(style, line, kIndent) + "\n";
}

Hue HueOfNature(absl::string_view nature) {
  if (nature == "backend" || nature == "socket") return Hue::kNetwork;
  if (nature == "mutex" || nature == "file-lock") return Hue::kLock;
  if (nature == "disk" || nature == "commit" || nature == "dirty") return Hue::kDisk;
  if (nature == "park" || nature == "client") return Hue::kPoll;
  return HueOfClass(nature);
}

}  // namespace waitscope::cli
