// Which CPUs are online, and what is kept open for each of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace waitscope {

using CpuSet = std::set<int>;

// Of "0-3,8", as the kernel writes it; nothing when the text is something else.
std::optional<CpuSet> ParseCpuList(std::string_view text);

// Of this machine, now. Where the kernel does not tell, all that it has.
CpuSet OnlineCpus();

// One `Opened` a CPU. A CPU's perf events die when it goes offline and stay dead when it comes back
// (perf_event_exit_cpu), so they are closed then and opened anew.
template <typename Opened>
class PerCpu {
 public:
  // Opens it for one CPU; nothing when the CPU has just gone.
  using Open = absl::FunctionRef<absl::StatusOr<std::optional<Opened>>(int cpu)>;

  // Closes what is of CPUs that went, opens for those that came. What could be opened stays open
  // when one could not.
  absl::Status Follow(const CpuSet& online, Open open) {
    std::erase_if(opened_, [&](const auto& row) { return !online.contains(row.first); });
    absl::Status status;
    for (const int cpu : online) {
      if (!opened_.contains(cpu)) status.Update(Add(cpu, open));
    }
    return status;
  }

  auto begin() { return opened_.begin(); }
  auto end() { return opened_.end(); }
  auto begin() const { return opened_.begin(); }
  auto end() const { return opened_.end(); }

 private:
  absl::Status Add(int cpu, Open open) {
    absl::StatusOr<std::optional<Opened>> opened = open(cpu);
    if (!opened.ok()) return opened.status();
    if (opened->has_value()) opened_.emplace(cpu, **std::move(opened));
    return absl::OkStatus();
  }

  std::map<int, Opened> opened_;
};

}  // namespace waitscope
