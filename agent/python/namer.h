// Names for the Python frames that a stack carries.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "agent/python/code_cache.h"
#include "agent/python/frames.h"

namespace waitscope {

// The layout of the CPython that a process runs; nothing when it runs none, or is gone.
using KnownPythons = std::function<std::optional<PythonLayout>(uint32_t pid)>;

// What the kernel side kept of a code object of a process that was young; nothing when it did not.
using KeptNames = std::function<std::optional<CodeObject>(CodeCache::Life life, uint64_t code)>;

// From the kernel side's map. Nothing when it was kept of another life of the process id; a life
// whose start nobody read (0) may be any. No more than the first line is known of its lines.
std::optional<CodeObject> CodeObjectOf(const python_name& kept, CodeCache::Life life);

class PythonNamer {
 public:
  // `kept` may be empty.
  PythonNamer(KnownPythons known, KeptNames kept, size_t cache_bytes)
      : known_(std::move(known)), kept_(std::move(kept)), cache_(cache_bytes) {}

  // The stack as people read it. `live`: the process is still the one that the stack came from.
  std::vector<Frame> Show(const RawStack& raw, CodeCache::Life life, bool live,
                          std::vector<Frame> native);

  uint64_t frames() const { return frames_; }
  // Of them, those whose code object was gone before it was read.
  uint64_t gone() const { return gone_; }
  size_t bytes() const { return cache_.bytes(); }

 private:
  Frame Name(const PythonPlace& place, CodeCache::Life life, const PythonLayout* layout,
             const ReadMemory& read);

  KnownPythons known_;
  KeptNames kept_;
  CodeCache cache_;
  uint64_t frames_ = 0;
  uint64_t gone_ = 0;
};

}  // namespace waitscope
