#include "cli/render/io.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/table.h"

namespace waitscope::cli {
namespace {

constexpr int kMostThreads = 15;
constexpr int kMostRequests = 5;

std::string One(double value) { return value == 0 ? "-" : absl::StrFormat("%.1f", value); }

std::string Longest(const v1::Histogram& histogram) {
  return histogram.count() == 0 ? "-" : DurationText(histogram.max_ns());
}

Cell Busy(double percent) {
  const Hue hue = percent >= 90 ? Hue::kWarning : Hue::kPlain;
  return {percent == 0 ? "-" : absl::StrFormat("%.1f %%", percent), hue};
}

// The columns of iostat -x, so that the two can be held side by side.
std::string Devices(const v1::IoResponse& response, const TextStyle& style) {
  Table table({{"DEVICE", Align::kLeft},
               {"r/s"},
               {"w/s"},
               {"rkB/s"},
               {"wkB/s"},
               {"r_await"},
               {"w_await"},
               {"aqu-sz"},
               {"%util"},
               {"WORST r"},
               {"WORST w"}});
  for (const v1::Device& device : response.devices()) {
    table.Add({{device.name()},
               {One(device.reads_per_s())},
               {One(device.writes_per_s())},
               {One(device.read_kb_per_s())},
               {One(device.write_kb_per_s())},
               {One(device.read_await_ms())},
               {One(device.write_await_ms())},
               {One(device.queue_size())},
               Busy(device.utilization()),
               {Longest(device.read_time())},
               {Longest(device.write_time())}});
  }
  return table.empty() ? "no requests to block devices\n" : table.Render(style);
}

std::string Errors(const v1::IoResponse& response, const TextStyle& style) {
  std::string text;
  for (const v1::Device& device : response.devices()) {
    if (device.errors() == 0) continue;
    text += Paint(style, Hue::kCritical,
                  absl::StrCat(device.name(), ": ", CountText(device.errors()),
                               " requests failed; see dmesg")) +
            "\n";
  }
  return text;
}

std::vector<const v1::ThreadIo*> LongestWaitsFirst(const v1::IoResponse& response) {
  std::vector<const v1::ThreadIo*> threads;
  for (const v1::ThreadIo& thread : response.threads()) {
    if (thread.blocked_ns() > 0) threads.push_back(&thread);
  }
  std::stable_sort(threads.begin(), threads.end(), [](const auto* left, const auto* right) {
    return left->blocked_ns() > right->blocked_ns();
  });
  return threads;
}

std::string Threads(const v1::IoResponse& response, const TextStyle& style) {
  Table table({{"TID"},
               {"NAME", Align::kLeft, true},
               {"WAITED"},
               {"SHARE"},
               {"WAITS"},
               {"LONGEST"},
               {"DEVICE"},
               {"QUEUE"},
               {"FOR", Align::kLeft, true}});
  const std::vector<const v1::ThreadIo*> threads = LongestWaitsFirst(response);
  for (const v1::ThreadIo* thread : threads) {
    table.Add({{absl::StrCat(thread->thread().tid())},
               {thread->thread().comm()},
               {DurationText(thread->blocked_ns()), Hue::kDisk},
               {PercentText(thread->blocked_ns(), DurationNs(response.header()))},
               {CountText(thread->count())},
               {DurationText(thread->longest_ns())},
               {thread->device_ns() == 0 ? "-" : DurationText(thread->device_ns())},
               {thread->queue_ns() == 0 ? "-" : DurationText(thread->queue_ns())},
               {absl::StrJoin(thread->objects(), " ")}});
    if (table.size() == kMostThreads) break;
  }
  if (table.empty()) return "\nno thread waited for a disk\n";
  std::string text = "\n" + table.Render(style);
  if (threads.size() > kMostThreads) {
    absl::StrAppend(&text, " and ", threads.size() - kMostThreads, " more threads\n");
  }
  return text;
}

std::string Slowest(const v1::IoResponse& response, const TextStyle& style) {
  Table table({{"SLOWEST", Align::kLeft},
               {"OP", Align::kLeft},
               {"BYTES"},
               {"QUEUE"},
               {"DEVICE"},
               {"BY", Align::kLeft}});
  for (int i = 0; i < std::min(kMostRequests, response.slowest_size()); ++i) {
    const v1::Request& request = response.slowest(i);
    const std::string op = absl::StrJoin(request.flags(), " ");
    table.Add({{request.device()},
               {absl::StrCat(request.op(), op.empty() ? "" : " ", op)},
               {BytesText(request.bytes())},
               {DurationText(request.queue_ns())},
               {DurationText(request.device_ns()), Hue::kDisk},
               {absl::StrCat(request.issuer().comm(), " ", request.issuer().tid())}});
  }
  return table.empty() ? "" : "\n" + table.Render(style);
}

}  // namespace

std::string RenderIo(const v1::IoResponse& response, const std::string& target_flags,
                     const TextStyle& style) {
  return absl::StrCat(PlaceAndTime(response.header()), "\n\n", Devices(response, style),
                      Errors(response, style), Threads(response, style), Slowest(response, style),
                      "\n",
                      Closing(style, response.header(),
                              absl::StrCat("waitscope flame", target_flags, " --kind disk")));
}

}  // namespace waitscope::cli
