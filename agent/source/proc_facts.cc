#include "agent/source/proc_facts.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr size_t kMostBytes = 4096;  // of any file read here
constexpr size_t kContainerIdLength = 64;
// Processes move between cgroups seldom; PostgreSQL's say in their titles what they wait for.
constexpr std::string_view kTitled = "postgres";
constexpr uint32_t kTicksBetweenReads = 8;
constexpr uint32_t kTicksBetweenTitles = 2;

std::string ReadSome(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

void CopyText(std::span<char> to, absl::string_view from) {
  const size_t length = std::min(from.size(), to.size() - 1);
  std::memcpy(to.data(), from.data(), length);
  std::memset(to.data() + length, 0, to.size() - length);
}

template <typename T>
T NewEvent(event_kind kind) {
  T event{};
  event.hdr = {static_cast<uint32_t>(kind), sizeof(T)};
  return event;
}

// Field 4 of /proc/PID/stat, after the command in parentheses, which may hold spaces.
uint32_t ParentPid(absl::string_view stat) {
  const size_t end = stat.rfind(')');
  if (end == absl::string_view::npos) return 0;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(stat.substr(end + 1), ' ', absl::SkipEmpty());
  uint32_t parent = 0;
  if (fields.size() > 1) (void)absl::SimpleAtoi(fields[1], &parent);
  return parent;
}

std::string CommandLine(std::string raw) {
  std::replace(raw.begin(), raw.end(), '\0', ' ');
  return std::string(absl::StripAsciiWhitespace(raw));
}

bool AreApart(const process_event& event, const membership_event& groups) {
  const std::string_view usual = Text(event.cgroup);
  return Text(groups.cpu) != usual || Text(groups.memory) != usual || Text(groups.pids) != usual;
}

bool IsContainerId(absl::string_view word) {
  return word.size() == kContainerIdLength &&
         std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isxdigit(c); });
}

}  // namespace

std::string CgroupPath(absl::string_view proc_cgroup) {
  std::string deepest = "/";
  for (absl::string_view line : absl::StrSplit(proc_cgroup, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[0] == "0" && parts[2] != "/") return std::string(parts[2]);
    if (parts[2].size() > deepest.size()) deepest = std::string(parts[2]);
  }
  return deepest;
}

std::string CgroupOf(absl::string_view proc_cgroup, absl::string_view controller) {
  std::string unified = "/";
  for (absl::string_view line : absl::StrSplit(proc_cgroup, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[0] == "0") unified = std::string(parts[2]);
    const std::vector<absl::string_view> controllers = absl::StrSplit(parts[1], ',');
    if (std::ranges::find(controllers, controller) != controllers.end()) {
      return std::string(parts[2]);
    }
  }
  return unified;
}

std::string ContainerId(absl::string_view cgroup_path) {
  for (absl::string_view word : absl::StrSplit(cgroup_path, absl::ByAnyChar("/-:."))) {
    if (IsContainerId(word)) return std::string(word);
  }
  return "";
}

void ProcFacts::Process(uint32_t pid, absl::FunctionRef<void(const Event&)> fold) {
  if (pid == 0 || processes_.contains(pid)) return;
  const process_event event = Read(pid);
  if (event.pid == 0) return;
  Tell(event, fold);
}

void ProcFacts::Exited(uint32_t pid) {
  processes_.erase(pid);
  memberships_.erase(pid);
}

void ProcFacts::KeepOnly(const absl::flat_hash_set<uint32_t>& alive) {
  absl::erase_if(processes_, [&](const auto& row) { return !alive.contains(row.first); });
  absl::erase_if(memberships_, [&](const auto& row) { return !alive.contains(row.first); });
}

membership_event ProcFacts::GroupsOf(uint32_t pid) const {
  const std::string text = ReadSome(absl::StrCat(proc_, "/", pid, "/cgroup"));
  auto groups = NewEvent<membership_event>(EVENT_membership);
  groups.pid = pid;
  CopyText(groups.cpu, CgroupOf(text, "cpu"));
  CopyText(groups.memory, CgroupOf(text, "memory"));
  CopyText(groups.pids, CgroupOf(text, "pids"));
  return groups;
}

bool ProcFacts::HasMoved(const process_event& event) const {
  const membership_event groups = GroupsOf(event.pid);
  const auto known = memberships_.find(event.pid);
  if (known == memberships_.end()) return AreApart(event, groups);
  return std::memcmp(&groups, &known->second, sizeof(groups)) != 0;
}

void ProcFacts::Tell(const process_event& event, absl::FunctionRef<void(const Event&)> fold) {
  processes_.insert_or_assign(event.pid, event);
  fold(event);
  const membership_event groups = GroupsOf(event.pid);
  if (!AreApart(event, groups) && !memberships_.contains(event.pid)) return;
  memberships_.insert_or_assign(event.pid, groups);
  fold(groups);
}

void ProcFacts::Again(const ledger_event& main_thread, uint32_t tick,
                      absl::FunctionRef<void(const Event&)> fold) {
  const uint32_t pid = main_thread.thread.pid;
  const bool titled = Text(main_thread.comm) == kTitled;
  const uint32_t ticks = titled ? kTicksBetweenTitles : kTicksBetweenReads;
  const auto known = processes_.find(pid);
  if (known == processes_.end() || (pid + tick) % ticks != 0) return;
  const process_event now = Read(pid);
  if (now.pid == 0) return;
  const bool same = std::memcmp(&now, &known->second, sizeof(now)) == 0;
  if (!same || HasMoved(now)) Tell(now, fold);
}

std::set<std::string> ProcFacts::Cgroups() const {
  std::set<std::string> paths;
  for (const auto& [pid, event] : processes_) paths.emplace(Text(event.cgroup));
  for (const auto& [pid, groups] : memberships_) {
    paths.emplace(Text(groups.cpu));
    paths.emplace(Text(groups.memory));
    paths.emplace(Text(groups.pids));
  }
  return paths;
}

process_event ProcFacts::Read(uint32_t pid) const {
  auto event = NewEvent<process_event>(EVENT_process);
  const std::string directory = absl::StrCat(proc_, "/", pid, "/");
  const std::string stat = ReadSome(directory + "stat");
  if (stat.empty()) return event;
  event.pid = pid;
  event.parent_pid = ParentPid(stat);
  const std::string cgroup = CgroupPath(ReadSome(directory + "cgroup"));
  CopyText(event.cgroup, cgroup);
  CopyText(event.container, ContainerId(cgroup));
  CopyText(event.command, CommandLine(ReadSome(directory + "cmdline")));
  return event;
}

void ProcFacts::Executed(uint32_t pid, absl::FunctionRef<void(const Event&)> fold) {
  processes_.erase(pid);
  Process(pid, fold);
}

void ProcFacts::Device(uint32_t dev, absl::FunctionRef<void(const Event&)> fold) {
  if (!devices_.insert(dev).second) return;
  auto event = NewEvent<device_name_event>(EVENT_device_name);
  event.dev = dev;
  std::error_code error;
  const std::filesystem::path link = std::filesystem::read_symlink(
      absl::StrCat(sys_, "/dev/block/", dev >> 20, ":", dev & 0xfffff), error);
  CopyText(event.name,
           error ? absl::StrCat(dev >> 20, ":", dev & 0xfffff) : link.filename().string());
  fold(event);
}

}  // namespace waitscope
