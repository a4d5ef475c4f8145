#include "cli/render/runq.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/histogram_text.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/table.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostThreads = 15;

std::string Summary(const v1::Histogram& latency) {
  if (latency.count() == 0) return "no thread was woken or preempted\n";
  return absl::StrFormat("%s waits for a core: p50 %s  p90 %s  p99 %s  max %s\n",
                         CountText(latency.count()), DurationText(latency.p50_ns()),
                         DurationText(latency.p90_ns()), DurationText(latency.p99_ns()),
                         DurationText(latency.max_ns()));
}

std::vector<const v1::Thread*> MostRunnableFirst(const v1::RunQueueResponse& response) {
  std::vector<const v1::Thread*> threads;
  for (const v1::Thread& thread : response.threads()) {
    if (thread.runnable_ns() > 0) threads.push_back(&thread);
  }
  std::stable_sort(threads.begin(), threads.end(), [](const auto* left, const auto* right) {
    return left->runnable_ns() > right->runnable_ns();
  });
  return threads;
}

std::string Threads(const v1::RunQueueResponse& response, const TextStyle& style) {
  Table table({{"TID"},
               {"NAME", Align::kLeft, true},
               {"RUN"},
               {"WOKEN"},
               {"PREEMPTED"},
               {"p50"},
               {"p99"},
               {"MAX"},
               {"SWITCHES"},
               {"INVOL"}});
  const std::vector<const v1::Thread*> threads = MostRunnableFirst(response);
  for (const v1::Thread* thread : threads) {
    if (table.size() == kMostThreads) break;
    const v1::Histogram& latency = thread->run_queue();
    table.Add({{absl::StrCat(thread->tid())},
               {thread->comm()},
               {PercentText(thread->running_ns(), thread->wall_ns()), Hue::kRunning},
               {PercentText(thread->woken_ns(), thread->wall_ns()), Hue::kRunnable},
               {PercentText(thread->preempted_ns(), thread->wall_ns()), Hue::kRunnable},
               {DurationText(latency.p50_ns())},
               {DurationText(latency.p99_ns())},
               {DurationText(latency.max_ns())},
               {CountText(thread->switches_voluntary() + thread->switches_involuntary())},
               {CountText(thread->switches_involuntary())}});
  }
  if (table.empty()) return "";
  std::string text = "\n" + table.Render(style);
  if (threads.size() > kMostThreads) {
    absl::StrAppend(&text, " and ", threads.size() - kMostThreads, " more threads\n");
  }
  return text;
}

}  // namespace

std::string RenderRunQueue(const v1::RunQueueResponse& response, const std::string& target_flags,
                           const TextStyle& style) {
  return absl::StrCat(PlaceAndTime(response.header()), "\n", Summary(response.latency()), "\n",
                      HistogramText(response.latency(), Hue::kRunnable, style),
                      Threads(response, style), "\n",
                      Closing(style, response.header(),
                              absl::StrCat("waitscope flame", target_flags, " --kind runq")));
}

}  // namespace waitscope::cli
