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
constexpr std::string_view kInstalled = "-packages/";
// Bundles (PyInstaller, zip files) keep these names only.
constexpr std::array<std::string_view, 5> kWaiters{
    "threading.py", "queue.py", "concurrent/futures/", "multiprocessing/", "asyncio/"};
// What is called so is a way to wait of its own, made of a lock; in what was installed (gevent, for
// one) also what is called as in the second list.
constexpr std::array<std::string_view, 6> kWaitingNames{"wait", "_wait", "wait_for",
                                                        "join", "recv",  "receive"};
constexpr std::array<std::string_view, 3> kNamesOfInstalled{"get", "_get", "acquire"};

bool IsInstalled(std::string_view file) { return file.find(kInstalled) != std::string_view::npos; }

bool IsOfABundle(std::string_view file) {
  const size_t zip = file.find(".zip/");
  if (zip != std::string_view::npos) file.remove_prefix(zip + 5);
  return !file.starts_with('/') && std::ranges::any_of(kWaiters, [&](std::string_view part) {
    return file.starts_with(part);
  });
}

bool IsOfPythonItself(std::string_view file) {
  const bool library = std::ranges::any_of(
      kLibraries, [&](std::string_view part) { return file.find(part) != std::string_view::npos; });
  return file.starts_with("<") || (library && !IsInstalled(file)) || IsOfABundle(file);
}

template <size_t count>
bool IsOneOf(std::string_view name, const std::array<std::string_view, count>& names) {
  return std::ranges::find(names, name) != names.end();
}

// Where no function could be named there is a mark, without a file.
bool MayBeWayToWait(const Frame& function) {
  if (function.file.empty() || IsOfPythonItself(function.file)) return true;
  const std::string_view name =
      std::string_view(function.symbol).substr(function.symbol.rfind('.') + 1);
  return IsOneOf(name, kWaitingNames) ||
         (IsInstalled(function.file) && IsOneOf(name, kNamesOfInstalled));
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
  return function != frames.end() && !MayBeWayToWait(*function) &&
         std::any_of(frames.begin(), function, is_lock) &&
         std::none_of(frames.begin(), function, is_queue);
}

}  // namespace waitscope
