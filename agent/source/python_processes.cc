#include "agent/source/python_processes.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/os/file_access.h"
#include "agent/python/walk.h"

namespace waitscope {
namespace {

constexpr size_t kMaxStatusBytes = 16 << 10;

}  // namespace

std::optional<PythonProcess> PythonProcesses::Note(uint32_t pid,
                                                   std::optional<PythonProcess> process) {
  const std::lock_guard lock(mutex_);
  if (process) {
    processes_.insert_or_assign(pid, *process);
  } else {
    processes_.erase(pid);
  }
  return process;
}

std::optional<PythonProcess> PythonProcesses::Find(uint32_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return std::nullopt;
  return found->second;
}

void PythonProcesses::ReadFrames(raw_stack& waiting, const ReadMemory& memory) const {
  waiting.python_words = 0;
  const std::optional<PythonProcess> process = Find(waiting.pid);
  if (!process) return;
  const std::string path = absl::StrCat("/proc/", waiting.pid, "/task/", waiting.tid, "/status");
  const uint32_t tid = NamespaceTid(ReadText(path, kMaxStatusBytes).value_or(""));
  const std::vector<uint64_t> words = WalkPython(*process, tid, memory);
  waiting.python_words = static_cast<uint32_t>(std::min<size_t>(words.size(), WS_PYTHON_WORDS));
  std::copy_n(words.begin(), waiting.python_words, waiting.python);
}

// "NSpid:\t4711\t12": from the outermost namespace to its own.
uint32_t NamespaceTid(absl::string_view status) {
  constexpr absl::string_view kLine = "\nNSpid:";
  const size_t at = status.find(kLine);
  if (at == absl::string_view::npos) return 0;
  const absl::string_view rest = status.substr(at + kLine.size());
  const std::vector<absl::string_view> numbers =
      absl::StrSplit(rest.substr(0, rest.find('\n')), absl::ByAnyChar("\t "));
  uint32_t tid = 0;
  return absl::SimpleAtoi(numbers.back(), &tid) ? tid : 0;
}

}  // namespace waitscope
