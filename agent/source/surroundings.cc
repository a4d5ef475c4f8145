#include "agent/source/surroundings.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

// Groups without a limit are read this rarely: most machines have dozens.
constexpr uint32_t kTicksBetweenReads = 8;
constexpr uint64_t kNoLimit = UINT64_C(1) << 62;  // version 1 writes "none" as a number near 2^63
constexpr absl::string_view kListen = "0A";

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

uint64_t Number(absl::string_view text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &number) ? number : 0;
}

// "max" and the huge number of version 1 are no limit.
uint64_t Limit(absl::string_view text) {
  const uint64_t number = Number(text);
  return number >= kNoLimit ? 0 : number;
}

uint64_t ReadNumber(const std::string& path) { return Number(ReadAll(path)); }

template <typename T>
T NewEvent(event_kind kind) {
  T event{};
  event.hdr = {static_cast<uint32_t>(kind), sizeof(T)};
  return event;
}

std::vector<absl::string_view> Lines(absl::string_view text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

std::vector<absl::string_view> Words(absl::string_view line) {
  return absl::StrSplit(line, ' ', absl::SkipEmpty());
}

void ReadCpuV2(const std::string& group, cgroup_event& event) {
  const std::string stat = ReadAll(group + "/cpu.stat");
  event.periods = FlatValue(stat, "nr_periods");
  event.throttled_periods = FlatValue(stat, "nr_throttled");
  event.throttled_ns = FlatValue(stat, "throttled_usec") * 1000;
  const std::string max = ReadAll(group + "/cpu.max");
  const std::vector<absl::string_view> quota = Words(max);
  if (quota.size() < 2) return;
  event.quota_ns = Number(quota[0]) * 1000;
  event.period_ns = event.quota_ns != 0 ? Number(quota[1]) * 1000 : 0;
}

void ReadMemoryV2(const std::string& group, cgroup_event& event) {
  event.memory_limit = Limit(ReadAll(group + "/memory.max"));
  event.memory_bytes = ReadNumber(group + "/memory.current");
  if (event.memory_limit == 0) return;
  const std::string events = ReadAll(group + "/memory.events");
  event.memory_limit_hits = FlatValue(events, "max");
  event.oom_kills = FlatValue(events, "oom_kill");
  event.memory_some_ns = PressureTotalNs(ReadAll(group + "/memory.pressure"), "some");
}

void ReadCpuV1(const std::string& group, cgroup_event& event) {
  const std::string stat = ReadAll(group + "/cpu.stat");
  event.periods = FlatValue(stat, "nr_periods");
  event.throttled_periods = FlatValue(stat, "nr_throttled");
  event.throttled_ns = FlatValue(stat, "throttled_time");
  event.quota_ns = ReadNumber(group + "/cpu.cfs_quota_us") * 1000;  // -1: none
  event.period_ns = event.quota_ns != 0 ? ReadNumber(group + "/cpu.cfs_period_us") * 1000 : 0;
}

void ReadMemoryV1(const std::string& group, cgroup_event& event) {
  event.memory_limit = Limit(ReadAll(group + "/memory.limit_in_bytes"));
  event.memory_bytes = ReadNumber(group + "/memory.usage_in_bytes");
  event.memory_limit_hits = ReadNumber(group + "/memory.failcnt");
}

void ReadPids(const std::string& group, cgroup_event& event) {
  event.pids_limit = Limit(ReadAll(group + "/pids.max"));
  event.pids = ReadNumber(group + "/pids.current");
  event.pids_limit_hits = FlatValue(ReadAll(group + "/pids.events"), "max");
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

bool MountHas(const std::vector<absl::string_view>& mount, absl::string_view controller) {
  const std::vector<absl::string_view> options = absl::StrSplit(mount[3], ',');
  return std::ranges::find(options, controller) != options.end();
}

}  // namespace

uint64_t PressureTotalNs(absl::string_view pressure, absl::string_view line) {
  for (const absl::string_view row : Lines(pressure)) {
    const std::vector<absl::string_view> words = Words(row);
    if (words.size() < 5 || words[0] != line) continue;
    absl::string_view total = words[4];
    return absl::ConsumePrefix(&total, "total=") ? Number(total) * 1000 : 0;
  }
  return 0;
}

uint64_t FlatValue(absl::string_view text, absl::string_view key) {
  for (const absl::string_view row : Lines(text)) {
    const std::vector<absl::string_view> words = Words(row);
    if (words.size() == 2 && words[0] == key) return Number(words[1]);
  }
  return 0;
}

std::set<uint16_t> ListeningPorts(absl::string_view proc_net_tcp) {
  std::set<uint16_t> ports;
  for (const absl::string_view row : Lines(proc_net_tcp)) {
    const std::vector<absl::string_view> words = Words(row);
    if (words.size() < 4 || words[3] != kListen) continue;
    const std::vector<absl::string_view> local = absl::StrSplit(words[1], ':');
    uint32_t port = 0;
    const bool hex = local.size() == 2 && absl::SimpleHexAtoi(local[1], &port);
    if (hex) ports.insert(static_cast<uint16_t>(port));
  }
  return ports;
}

CgroupMounts ParseCgroupMounts(absl::string_view proc_mounts) {
  CgroupMounts mounts;
  for (const absl::string_view row : Lines(proc_mounts)) {
    const std::vector<absl::string_view> words = Words(row);
    if (words.size() < 4) continue;
    const std::string point(words[1]);
    if (words[2] == "cgroup2" && mounts.unified.empty()) mounts.unified = point;
    if (words[2] != "cgroup") continue;
    if (MountHas(words, "cpu")) mounts.cpu = point;
    if (MountHas(words, "memory")) mounts.memory = point;
    if (MountHas(words, "pids")) mounts.pids = point;
  }
  return mounts;
}

Surroundings::Surroundings(std::string proc)
    : proc_(std::move(proc)), mounts_(ParseCgroupMounts(ReadAll(proc_ + "/self/mounts"))) {}

void Surroundings::Tell(uint64_t now_ns, const std::set<std::string>& paths, Fold fold) {
  TellPressure(now_ns, fold);
  TellListeners(fold);
  const bool all = ticks_++ % kTicksBetweenReads == 0;
  std::erase_if(limited_, [&](const auto& row) { return !paths.contains(row.first); });
  for (const std::string& path : paths) {
    const auto known = limited_.find(path);
    const bool due = all || known == limited_.end() || known->second;
    if (due && path != "/") TellCgroup(now_ns, path, fold);
  }
}

void Surroundings::TellPressure(uint64_t now_ns, Fold fold) const {
  auto event = NewEvent<pressure_event>(EVENT_pressure);
  event.at_ns = now_ns;
  event.cpu_some_ns = PressureTotalNs(ReadAll(proc_ + "/pressure/cpu"), "some");
  const std::string io = ReadAll(proc_ + "/pressure/io");
  event.io_some_ns = PressureTotalNs(io, "some");
  event.io_full_ns = PressureTotalNs(io, "full");
  const std::string memory = ReadAll(proc_ + "/pressure/memory");
  event.memory_some_ns = PressureTotalNs(memory, "some");
  event.memory_full_ns = PressureTotalNs(memory, "full");
  // cpu user nice system idle iowait irq softirq steal, in ticks of the user's clock.
  const std::string stat = ReadAll(proc_ + "/stat");
  const std::vector<absl::string_view> words =
      Words(absl::string_view(stat).substr(0, stat.find('\n')));
  const auto tick_ns = 1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  const auto ns = [&](size_t at) { return at < words.size() ? Number(words[at]) * tick_ns : 0; };
  event.busy_ns = ns(1) + ns(2) + ns(3) + ns(6) + ns(7);
  event.idle_ns = ns(4) + ns(5);
  event.steal_ns = ns(8);
  const std::string vmstat = ReadAll(proc_ + "/vmstat");
  event.swapped_pages = FlatValue(vmstat, "pswpin") + FlatValue(vmstat, "pswpout");
  event.refaulted_pages =
      FlatValue(vmstat, "workingset_refault_file") + FlatValue(vmstat, "workingset_refault_anon");
  fold(event);
}

void Surroundings::TellListeners(Fold fold) {
  for (const char* file : {"/net/tcp", "/net/tcp6"}) {
    for (const uint16_t port : ListeningPorts(ReadAll(proc_ + file))) {
      if (!listening_.insert(port).second) continue;
      auto event = NewEvent<listener_event>(EVENT_listener);
      event.port = port;
      fold(event);
    }
  }
}

void Surroundings::TellCgroup(uint64_t now_ns, const std::string& path, Fold fold) {
  auto event = NewEvent<cgroup_event>(EVENT_cgroup);
  event.at_ns = now_ns;
  SetText(event.path, path);
  const std::string unified = mounts_.unified + path;
  if (!mounts_.unified.empty() && Exists(unified)) {
    ReadCpuV2(unified, event);
    ReadMemoryV2(unified, event);
    ReadPids(unified, event);
  }
  if (!mounts_.cpu.empty() && Exists(mounts_.cpu + path)) ReadCpuV1(mounts_.cpu + path, event);
  if (!mounts_.memory.empty() && Exists(mounts_.memory + path)) {
    ReadMemoryV1(mounts_.memory + path, event);
  }
  if (!mounts_.pids.empty() && Exists(mounts_.pids + path)) ReadPids(mounts_.pids + path, event);
  limited_[path] = event.quota_ns != 0 || event.memory_limit != 0;
  fold(event);
}

}  // namespace waitscope
