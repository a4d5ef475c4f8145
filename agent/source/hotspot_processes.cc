#include "agent/source/hotspot_processes.h"

#include <algorithm>

namespace waitscope {
namespace {

// A VM is up 30 to 100 ms after its library was mapped, and later on a busy machine. What is not
// up after some minutes of doubled pauses is not going to be.
constexpr uint64_t kFirstPauseNs = 5'000'000;
constexpr uint64_t kLastPauseNs = 60'000'000'000;
constexpr uint64_t kNsPerMs = 1'000'000;

}  // namespace

void HotSpotProcesses::Note(uint32_t pid, const std::optional<VmStructsAt>& at, uint64_t now_ns) {
  const auto known = noted_.find(pid);
  if (!at) {
    if (known != noted_.end()) Forget(pid);
    return;
  }
  if (known != noted_.end() && known->second == *at) return;
  if (known != noted_.end()) Forget(pid);
  noted_.emplace(pid, *at);
  starting_.insert_or_assign(pid,
                             Starting{.at = *at, .pause_ns = kFirstPauseNs, .next_ns = now_ns});
}

void HotSpotProcesses::Forget(uint32_t pid) {
  noted_.erase(pid);
  starting_.erase(pid);
  publish_(pid, nullptr);
  const std::lock_guard lock(mutex_);
  up_.erase(pid);
}

void HotSpotProcesses::Try(uint64_t now_ns) {
  for (auto at = starting_.begin(); at != starting_.end();) {
    Starting& starting = at->second;
    const bool due = now_ns >= starting.next_ns;
    const bool over = due && (IsUp(at->first, starting.at) || starting.pause_ns > kLastPauseNs);
    if (due) {
      starting.next_ns = now_ns + starting.pause_ns;
      starting.pause_ns *= 2;
    }
    const auto next = std::next(at);
    if (over) starting_.erase(at);
    at = next;
  }
}

bool HotSpotProcesses::IsUp(uint32_t pid, const VmStructsAt& at) {
  const ReadMemory read = memory_(pid);
  const std::optional<VmStructs> structs = VmStructs::Read(at, read);
  const std::optional<HotSpotLayout> layout = structs ? ReadHotSpot(*structs, read) : std::nullopt;
  if (!layout) return false;
  publish_(pid, &layout->code);
  const std::lock_guard lock(mutex_);
  up_.insert_or_assign(pid, *layout);
  return true;
}

int HotSpotProcesses::patience_ms(uint64_t now_ns) const {
  if (starting_.empty()) return -1;
  uint64_t next = UINT64_MAX;
  for (const auto& [pid, starting] : starting_) next = std::min(next, starting.next_ns);
  return next <= now_ns ? 0 : static_cast<int>((next - now_ns) / kNsPerMs) + 1;
}

std::optional<HotSpotLayout> HotSpotProcesses::Find(uint32_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = up_.find(pid);
  return found == up_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace waitscope
