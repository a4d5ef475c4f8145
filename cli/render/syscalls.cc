#include "cli/render/syscalls.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/table.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostCalls = 25;
constexpr int kMostErrors = 3;

using Calls = google::protobuf::RepeatedPtrField<v1::Syscall>;

std::string ErrorText(const v1::Syscall& call) {
  std::string text;
  for (int i = 0; i < std::min(kMostErrors, call.errnos_size()); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " ", CountText(call.errnos(i).count()), " ",
                    call.errnos(i).name());
  }
  return text;
}

std::vector<const v1::Syscall*> LongestFirst(const Calls& calls) {
  std::vector<const v1::Syscall*> sorted;
  for (const v1::Syscall& call : calls) sorted.push_back(&call);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto* left, const auto* right) {
    return left->total_ns() > right->total_ns();
  });
  return sorted;
}

std::string CallsText(const Calls& calls, bool by_thread, const TextStyle& style) {
  Table table({{by_thread ? "TID" : "PID"},
               {"NAME", Align::kLeft, true},
               {"CALL", Align::kLeft},
               {"CALLS"},
               {"TIME"},
               {"p50"},
               {"p99"},
               {"MAX"},
               {"ERRORS", Align::kLeft, true}});
  const std::vector<const v1::Syscall*> sorted = LongestFirst(calls);
  for (const v1::Syscall* call : sorted) {
    if (table.size() == kMostCalls) break;
    table.Add({{absl::StrCat(by_thread ? call->tid() : call->pid())},
               {call->comm()},
               {call->name()},
               {CountText(call->count())},
               {DurationText(call->total_ns())},
               {DurationText(call->latency().p50_ns())},
               {DurationText(call->latency().p99_ns())},
               {DurationText(call->max_ns())},
               {ErrorText(*call), Hue::kWarning}});
  }
  if (table.empty()) return "no system call returned\n";
  std::string text = table.Render(style);
  if (sorted.size() > kMostCalls) {
    absl::StrAppend(&text, " and ", sorted.size() - kMostCalls, " more\n");
  }
  return text;
}

// A loop that does not come back to its poll in time keeps everybody behind it waiting.
std::string LoopsText(const v1::SyscallsResponse& response, const TextStyle& style) {
  Table table({{"TID"},
               {"EVENT LOOP", Align::kLeft, true},
               {"POLLS"},
               {"READY"},
               {"IN POLL"},
               {"AWAY p50"},
               {"p99"},
               {"MAX"}});
  for (const v1::EventLoop& loop : response.loops()) {
    table.Add({{absl::StrCat(loop.tid())},
               {loop.comm()},
               {CountText(loop.polls())},
               {CountText(loop.ready())},
               {PercentText(loop.poll_ns(), DurationNs(response.header())), Hue::kPoll},
               {DurationText(loop.gap().p50_ns())},
               {DurationText(loop.gap().p99_ns())},
               {DurationText(loop.gap().max_ns())}});
  }
  return table.empty() ? "" : "\n" + table.Render(style);
}

}  // namespace

std::string RenderSyscalls(const v1::SyscallsResponse& response, const SyscallsView& view,
                           const TextStyle& style) {
  const Calls& calls = view.by_thread ? response.threads() : response.syscalls();
  return absl::StrCat(PlaceAndTime(response.header()), "\n\n",
                      CallsText(calls, view.by_thread, style), LoopsText(response, style), "\n",
                      Closing(style, response.header(),
                              absl::StrCat("waitscope flame", view.target_flags, " --kind wall")));
}

}  // namespace waitscope::cli
