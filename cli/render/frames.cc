#include "cli/render/frames.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace waitscope::cli {
namespace {

// Frames every stack of a runtime or a C library has: they hide the ones that matter.
constexpr absl::string_view kPlumbing[] = {
    "__x64_sys_",    "__do_sys_",     "__se_sys_",    "do_futex",
    "futex_",        "__futex_",      "do_nanosleep", "hrtimer_",
    "common_nsleep", "__libc_start",  "start_thread", "clone3",
    "__clone",       "_start",        "_PyEval_",     "PyEval_",
    "PyObject_",     "_PyObject_",    "_PyFunction_", "PyVectorcall_",
    "_Py_",          "Py_",           "PyRun_",       "method_vectorcall",
    "cfunction_",    "entry_SYSCALL", "do_syscall",   "asm_exc_",
    "exc_page",      "vfs_",          "ksys_",        "do_sys_",
    "std::thread::", "std::__invoke", "void std::",
};

bool IsPlumbing(absl::string_view frame) {
  return std::any_of(std::begin(kPlumbing), std::end(kPlumbing),
                     [&](absl::string_view prefix) { return absl::StartsWith(frame, prefix); });
}

}  // namespace

std::string FramesText(const FrameNames& frames, size_t most) {
  std::vector<std::string> kept;
  for (const std::string& frame : frames) {
    if (!IsPlumbing(frame) && kept.size() < most) kept.push_back(frame);
  }
  if (kept.empty() && !frames.empty()) kept.push_back(frames[0]);
  if (kept.empty()) return "[no stack]";
  std::string text = absl::StrJoin(kept, " <- ");
  const size_t folded = static_cast<size_t>(frames.size()) - kept.size();
  if (folded > 0) {
    absl::StrAppend(&text, "  [", folded, folded == 1 ? " frame" : " frames", " folded]");
  }
  return text;
}

}  // namespace waitscope::cli
