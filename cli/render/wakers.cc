#include "cli/render/wakers.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/stacks.h"
#include "cli/render/table.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostEdges = 20;

bool IsIdle(const v1::WakerEdge& edge) {
  return edge.class_() == "poll" || edge.class_() == "sleep" || edge.class_() == "other";
}

// What people can act on first: idle waits end because somebody wanted them to, and most of
// "other" is kernel threads getting work.
std::vector<const v1::WakerEdge*> MostBlockedFirst(const v1::WakersResponse& response) {
  std::vector<const v1::WakerEdge*> edges;
  for (const v1::WakerEdge& edge : response.edges()) edges.push_back(&edge);
  std::stable_sort(edges.begin(), edges.end(), [](const auto* left, const auto* right) {
    if (IsIdle(*left) != IsIdle(*right)) return IsIdle(*right);
    return left->blocked_ns() > right->blocked_ns();
  });
  return edges;
}

std::string WakerText(const v1::WakerEdge& edge) {
  if (edge.waker().pid() != 0) return absl::StrCat(edge.waker().comm(), " ", edge.waker().tid());
  return absl::StrCat("[", edge.waker_context().empty() ? "not seen" : edge.waker_context(), "]");
}

// What every waking goes through in the kernel tells nothing about this one.
bool IsWakingItself(const std::string& function) {
  static constexpr std::array kPlumbing = {
      "try_to_wake_up",
      "ttwu_",
      "wake_up_process",
      "wake_up_q",
      "wake_up_state",
      "default_wake_",
      "__wake_up",
      "wake_up_interruptible",
      "autoremove_wake_function",
      "woken_wake_",
      "pollwake",
      "ep_poll_callback",
      "ep_autoremove_wake_",
      "swake_up_",
      "complete",
      "hrtimer_wakeup",
      "bpf_trace_run",
      "__traceiter_",
      "bpf_prog_",
      "__bpf_trace",
  };
  return std::any_of(kPlumbing.begin(), kPlumbing.end(),
                     [&](const char* prefix) { return absl::StartsWith(function, prefix); });
}

std::string LeafText(const v1::WakersResponse& response, const v1::WakerEdge& edge) {
  for (const uint32_t stack : {edge.waker_user_stack(), edge.waker_kernel_stack()}) {
    const std::vector<NamedFrame> frames =
        FramesOf(response.stacks(), response.frames(), stack, FrameKind::kUser);
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
      if (!IsWakingItself(frame->name)) return frame->name;
    }
  }
  return "";
}

}  // namespace

std::string RenderWakers(const v1::WakersResponse& response, const std::string& target_flags,
                         const TextStyle& style) {
  Table table({{"BLOCKED"},
               {"WAKEUPS"},
               {"CLASS", Align::kLeft},
               {"WAITED", Align::kLeft, true},
               {"WOKEN BY", Align::kLeft, true},
               {"IN", Align::kLeft, true}});
  const std::vector<const v1::WakerEdge*> edges = MostBlockedFirst(response);
  for (const v1::WakerEdge* edge : edges) {
    if (table.size() == kMostEdges) break;
    table.Add({{DurationText(edge->blocked_ns())},
               {CountText(edge->count())},
               {edge->class_(), HueOfClass(edge->class_())},
               {absl::StrCat(edge->wakee().comm(), " ", edge->wakee().tid())},
               {WakerText(*edge)},
               {LeafText(response, *edge)}});
  }
  std::string text = PlaceAndTime(response.header()) + "\n\n";
  text += table.empty() ? "no wait ended\n" : table.Render(style);
  if (edges.size() > kMostEdges) {
    absl::StrAppend(&text, " and ", edges.size() - kMostEdges, " more\n");
  }
  text += Paint(style, Hue::kDim,
                "the waker of a lock is its previous holder, not always the culprit\n");
  return absl::StrCat(text, "\n",
                      Closing(style, response.header(),
                              absl::StrCat("waitscope flame", target_flags, " --kind waker")));
}

}  // namespace waitscope::cli
