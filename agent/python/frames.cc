#include "agent/python/frames.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace waitscope {
namespace {

constexpr std::string_view kInterpreter = "_PyEval_EvalFrameDefault";
constexpr uint32_t kFirstMinor = 11;
constexpr uint32_t kLastMinor = 13;

constexpr std::array<const char*, PYTHON_OUTCOME_COUNT> kOutcomeTexts = {
    "", "more than 128 frames", "memory could not be read", "no thread state of Python's"};

// The 9 of "libpython3.9.so.1.0"; 0 when the name does not tell.
uint32_t MinorOf(std::string_view module) {
  constexpr std::string_view kName = "python3.";
  const size_t at = module.find(kName);
  if (at == std::string_view::npos) return 0;
  const std::string_view number = module.substr(at + kName.size());
  const size_t digits = std::min(number.find_first_not_of("0123456789"), number.size());
  uint32_t minor = 0;
  return absl::SimpleAtoi(absl::string_view(number.data(), digits), &minor) ? minor : 0;
}

std::string WhyNone(const RawStack& raw, const std::string& module) {
  if (raw.trust == UNWIND_CLASS_unverified) return "this kernel's user stacks are not whole";
  const uint32_t minor = MinorOf(module);
  if (minor == 0) return "its version of CPython is not known";
  if (minor < kFirstMinor || minor > kLastMinor) {
    return absl::StrCat("CPython 3.", minor, " is not known");
  }
  return "the process was not known yet";
}

// Moves the frames of one call of the interpreter, or all that are left, to the end of `merged`.
bool TakeCall(std::vector<PythonFrame>& python, size_t& at, bool all, std::vector<Frame>& merged) {
  bool taken = false;
  while (at < python.size()) {
    PythonFrame& next = python[at++];
    if (!next.frame.symbol.empty()) {
      merged.push_back(std::move(next.frame));
      taken = true;
    }
    if (next.is_entry && !all) break;
  }
  return taken;
}

}  // namespace

PythonWalk ParsePythonWords(std::span<const uint64_t> words) {
  PythonWalk walk;
  if (words.empty()) return walk;
  const uint32_t outcome = python_outcome_of(words[0]);
  walk.outcome =
      outcome < PYTHON_OUTCOME_COUNT ? static_cast<python_outcome>(outcome) : PYTHON_read_failed;
  walk.minor = python_minor(words[0]);
  const size_t count = std::min<size_t>(python_count(words[0]), (words.size() - 1) / 2);
  for (size_t index = 0; index < count; ++index) {
    const uint64_t place = words[2 + 2 * index];
    walk.places.push_back({.code = words[1 + 2 * index],
                           .instruction = static_cast<uint32_t>(place),
                           .is_entry = (place & PYTHON_ENTRY) != 0});
  }
  return walk;
}

bool IsInterpreter(const Frame& frame) {
  const std::string_view symbol = frame.symbol;
  return symbol.starts_with(kInterpreter) &&
         (symbol.size() == kInterpreter.size() || symbol[kInterpreter.size()] == '.');
}

std::vector<Frame> MergePython(std::vector<Frame> native, std::vector<PythonFrame> python) {
  auto calls = std::count_if(native.begin(), native.end(), IsInterpreter);
  std::vector<Frame> merged;
  size_t at = 0;
  for (Frame& frame : native) {
    const bool replaced =
        IsInterpreter(frame) && TakeCall(python, at, /*all=*/--calls == 0, merged);
    if (!replaced) merged.push_back(std::move(frame));
  }
  TakeCall(python, at, /*all=*/true, merged);
  return merged;
}

std::string PythonMark(const RawStack& raw, const std::vector<Frame>& native) {
  const auto interpreter = std::find_if(native.begin(), native.end(), IsInterpreter);
  if (interpreter == native.end()) return {};
  if (raw.python.empty()) {
    return absl::StrCat("[python frames unavailable: ", WhyNone(raw, interpreter->module), "]");
  }
  const PythonWalk walk = ParsePythonWords(raw.python);
  if (walk.outcome == PYTHON_whole) return {};
  return absl::StrCat("[python frames ", walk.places.empty() ? "unavailable" : "missing", ": ",
                      kOutcomeTexts[walk.outcome], "]");
}

}  // namespace waitscope
