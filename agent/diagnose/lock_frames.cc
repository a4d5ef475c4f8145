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

// As distributions, builds from source, installers for Windows' layout and environments have it.
constexpr std::array<std::string_view, 3> kLibraries{"/lib/python3", "/lib64/python3", "/Lib/"};
constexpr std::array<std::string_view, 2> kInstalled{"-packages/", "/.venv/"};
// Bundles (PyInstaller, zip files) keep these names only.
constexpr std::array<std::string_view, 5> kWaiters{
    "threading.py", "queue.py", "concurrent/futures/", "multiprocessing/", "asyncio/"};
// What is called so is a way to wait of its own, made of a lock (gevent's, for one).
constexpr std::array<std::string_view, 9> kWaitingNames{
    "wait", "_wait", "wait_for", "get", "_get", "acquire", "join", "recv", "receive"};

template <size_t count>
bool HasAnyOf(std::string_view file, const std::array<std::string_view, count>& parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return file.find(part) != std::string_view::npos; });
}

bool IsOfABundle(std::string_view file) {
  return std::ranges::any_of(kWaiters, [&](std::string_view part) {
    const size_t at = file.find(part);
    return at != std::string_view::npos && (at == 0 || file[at - 1] == '/');
  });
}

bool IsOfPythonItself(std::string_view file) {
  if (file.starts_with("<")) return true;
  return !HasAnyOf(file, kInstalled) && (HasAnyOf(file, kLibraries) || IsOfABundle(file));
}

bool IsWayToWait(const Frame& function) {
  const std::string_view name =
      std::string_view(function.symbol).substr(function.symbol.rfind('.') + 1);
  return IsOfPythonItself(function.file) ||
         std::ranges::find(kWaitingNames, name) != kWaitingNames.end();
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
  const auto is_queue = [](const Frame& frame) {
    return frame.module.starts_with("_queue.") || frame.symbol.starts_with("simplequeue_get") ||
           frame.symbol.starts_with("_queue_SimpleQueue_get");
  };
  return function != frames.end() && !IsWayToWait(*function) &&
         std::any_of(frames.begin(), function, is_lock) &&
         std::none_of(frames.begin(), function, is_queue);
}

}  // namespace waitscope
