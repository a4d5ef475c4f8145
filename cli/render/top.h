// Processes by how many threads' worth of time they run, wait for a core and wait for others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/render/style.h"
#include "cli/render/table.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

enum class TopColumn : uint8_t {
  kPid,
  kName,
  kThreads,
  kRunning,
  kRunnable,
  kDisk,
  kNetwork,
  kLock,
  kPoll,
  kSleep,
  kOther,
};
inline constexpr int kTopColumns = 11;

struct TopView {
  // By all that is not idle, until a column is chosen.
  bool by_not_idle = true;
  TopColumn sort = TopColumn::kRunning;
  std::string filter;           // part of a name, command line or container; or a pid
  bool kernel_threads = false;  // list them one by one instead of as one row
};

// One line of the view: a process, or all kernel threads together (pid 2).
struct TopRow {
  uint32_t pid = 0;
  std::string name;
  uint32_t threads = 0;
  uint64_t running_ns = 0;
  uint64_t runnable_ns = 0;
  uint64_t disk_ns = 0;
  uint64_t network_ns = 0;
  uint64_t lock_ns = 0;
  uint64_t poll_ns = 0;
  uint64_t sleep_ns = 0;
  uint64_t other_ns = 0;
  uint64_t telling_ns = 0;  // running, runnable and the waits worth ranking by
  Cell finding;             // the worst; empty: none
};

std::vector<TopRow> TopRows(const v1::ProcessesResponse& response, const TopView& view);

// What stands on the screen: the titles, then each row, with its finding on a line of its own.
struct TopLine {
  Line line;
  size_t row = 0;
  bool title = false;
};
std::vector<TopLine> TopLines(const std::vector<TopRow>& rows, uint64_t duration_ns, int width);
absl::string_view TopColumnTitle(TopColumn column);

// "web-17  6.1.0  4 cpus 9 % busy  0.4 runnable  lost: nothing   own cost ..".
std::string TopHeadline(const v1::ProcessesResponse& response, const TextStyle& style);

// One frame as plain text, at most `most_rows` processes, none that did nothing telling.
std::string RenderTop(const v1::ProcessesResponse& response, const TopView& view,
                      const TextStyle& style, size_t most_rows);

}  // namespace waitscope::cli
