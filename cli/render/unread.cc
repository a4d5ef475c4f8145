#include "cli/render/unread.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/render/number.h"
#include "cli/render/site_text.h"

namespace waitscope::cli {

std::string UnreadText(const v1::UnreadRequests& requests) {
  std::vector<std::string> parts;
  if (requests.reads() > 0) {
    parts.push_back(absl::StrCat(CountText(requests.reads()), " read after ",
                                 DurationText(requests.age().p50_ns()), " (p50), ",
                                 DurationText(requests.age().p99_ns()), " (p99), ",
                                 DurationText(requests.age().max_ns()), " at most"));
  }
  if (requests.open() > 0) {
    parts.push_back(absl::StrCat(CountText(requests.open()), " unread at the end, one for ",
                                 DurationText(requests.open_oldest_ns())));
  }
  return absl::StrCat("port ", requests.port(), ": ", absl::StrJoin(parts, "; "));
}

std::string UnreadLines(const google::protobuf::RepeatedPtrField<v1::UnreadRequests>& ports,
                        const TextStyle& style) {
  std::string text;
  for (const v1::UnreadRequests& requests : ports) {
    text += LabeledLine(style, text.empty() ? "unread" : "", UnreadText(requests));
  }
  return text;
}

}  // namespace waitscope::cli
