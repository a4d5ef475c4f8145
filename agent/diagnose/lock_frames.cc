#include "agent/diagnose/lock_frames.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace waitscope {
namespace {

// Rust's standard library makes the call by itself, of whatever kind; 1.62 to 1.95.
constexpr std::array<std::string_view, 7> kRustLocks{
    "std::sys::sync::mutex::futex::",          "std::sys::sync::rwlock::futex::",
    "std::sys::pal::unix::locks::futex_mutex", "std::sys::pal::unix::locks::futex_rwlock",
    "std::sys::unix::locks::futex_mutex",      "std::sys::unix::locks::futex_rwlock",
    "std::sys::unix::locks::futex::Mutex"};

constexpr std::string_view kPythonLock = "PyThread_acquire_lock_timed";
constexpr std::string_view kPythonModule = "[python]";
// glibc's sem_wait has it set, and so has no wait of Python's that has a limit (sem_clockwait by
// CLOCK_MONOTONIC, from Python 3.11 on).
constexpr uint32_t kRealtime = 256;

// As distributions, builds from source and environments lay it out.
bool IsOfPythonItself(std::string_view file) {
  const bool installed = file.find("-packages/") != std::string_view::npos;
  return file.starts_with("<") ||
         (file.find("/lib/python3") != std::string_view::npos && !installed);
}

}  // namespace

bool TakesLockOfRust(const MachineView& machine, StackId stack) {
  return std::ranges::any_of(kRustLocks,
                             [&](std::string_view name) { return machine.HasFrame(stack, name); });
}

bool TakesLockOfPython(const MachineView& machine, const WaitSite& site) {
  const bool limited = site.object == nullptr || (site.object->futex_op & kRealtime) == 0;
  const auto stack = machine.snapshot().stacks.find(site.user_stack);
  if (limited || site.user_stack == 0 || stack == machine.snapshot().stacks.end()) return false;
  const std::vector<Frame>& frames = stack->second.frames;
  const auto function = std::ranges::find(frames, kPythonModule, &Frame::module);
  const auto is_lock = [](const Frame& frame) { return frame.symbol == kPythonLock; };
  const auto is_queue = [](const Frame& frame) { return frame.module.starts_with("_queue."); };
  return function != frames.end() && !IsOfPythonItself(function->file) &&
         std::any_of(frames.begin(), function, is_lock) &&
         std::none_of(frames.begin(), function, is_queue);
}

}  // namespace waitscope
