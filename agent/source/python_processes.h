// Which processes run which CPython, for whoever reads or names their frames.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "agent/os/process_memory.h"
#include "agent/python/layout.h"
#include "bpf/unwind/capture.h"

namespace waitscope {

// Safe from any thread.
class PythonProcesses {
 public:
  // Nothing: it runs none. Returns what was noted.
  std::optional<PythonProcess> Note(uint32_t pid, std::optional<PythonProcess> process);
  std::optional<PythonProcess> Find(uint32_t pid) const;

  // Adds the Python frames of a thread that waits, if it is one of Python's.
  void ReadFrames(raw_stack& waiting, const ReadMemory& memory) const;

 private:
  mutable std::mutex mutex_;
  absl::flat_hash_map<uint32_t, PythonProcess> processes_;
};

// A thread's id as its own process sees it, from the text of its /proc/PID/task/TID/status; 0 when
// the text does not tell.
uint32_t NamespaceTid(absl::string_view status);

}  // namespace waitscope
