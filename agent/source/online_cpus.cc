#include "agent/source/online_cpus.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "agent/os/file_access.h"

namespace waitscope {
namespace {

constexpr char kOnline[] = "/sys/devices/system/cpu/online";
constexpr int kMostCpus = 8192;  // CONFIG_NR_CPUS of any distribution
constexpr size_t kMaxBytes = 64 << 10;

bool AddRange(const std::string& text, CpuSet& cpus) {
  const size_t dash = text.find('-');
  int first = 0;
  int last = 0;
  if (!absl::SimpleAtoi(text.substr(0, dash), &first)) return false;
  if (!absl::SimpleAtoi(dash == std::string::npos ? text : text.substr(dash + 1), &last)) {
    return false;
  }
  if (first < 0 || last < first || last >= kMostCpus) return false;
  for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
  return true;
}

CpuSet AllCpus() {
  CpuSet cpus;
  const int count = static_cast<int>(sysconf(_SC_NPROCESSORS_CONF));
  for (int cpu = 0; cpu < count; ++cpu) cpus.insert(cpu);
  return cpus;
}

}  // namespace

std::optional<CpuSet> ParseCpuList(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  CpuSet cpus;
  for (const std::string& range :
       std::vector<std::string>(absl::StrSplit(std::string(text), ','))) {
    if (!AddRange(range, cpus)) return std::nullopt;
  }
  return cpus;
}

CpuSet OnlineCpus() {
  const std::optional<CpuSet> online = ParseCpuList(ReadText(kOnline, kMaxBytes).value_or(""));
  return online ? *online : AllCpus();
}

}  // namespace waitscope
