// Stacks as captured (addresses) and as people read them (frames).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/unwind/table.h"

namespace waitscope {

// Identity of a captured stack: a 64-bit hash made in the kernel over the process (0 for kernel
// stacks) and the addresses. 0 means "no stack".
using StackId = uint64_t;

// One stack as the kernel shipped it, once per identity.
struct RawStack {
  StackId id = 0;
  uint32_t pid = 0;                 // thread-group id the addresses belong to; 0 for kernel stacks
  std::vector<uint64_t> addresses;  // leaf first
  unwind_class trust = UNWIND_CLASS_none;
  unwind_stop stop = UNWIND_STOP_none;  // when truncated
  std::vector<uint64_t> python;         // words of bpf/unwind/python.h; empty: not of Python
};

// One frame as shown. Unresolved frames keep what is needed to resolve them later.
struct Frame {
  uint64_t address = 0;      // as captured
  uint64_t file_offset = 0;  // offset in the module's file; 0 when unknown
  std::string symbol;        // demangled name without offset; empty when unknown
  std::string module;        // base name of the file, "[kernel]", "[vdso]", "[jit]", "[python]"
  std::string build_id;      // lower-case hex; empty when unknown
  std::string file;          // of the source; empty when unknown, as in all native code
  uint32_t line = 0;         // in that file, of what the frame was doing

  friend bool operator==(const Frame&, const Frame&) = default;
};

struct Stack {
  std::vector<Frame> frames;  // leaf first
  // Why frames are missing at the root, or empty: "process exited before its mappings were read".
  std::string truncated;
  unwind_class trust = UNWIND_CLASS_none;  // user stacks: how far it can be trusted

  friend bool operator==(const Stack&, const Stack&) = default;
};

// Turns addresses into names. Implemented by agent/symbols for a live machine and by the log
// for a replayed one. Called off the hot path; may read files, never blocks on the network.
class Symbolizer {
 public:
  virtual ~Symbolizer() = default;
  virtual Stack Resolve(const RawStack& stack) = 0;
};

}  // namespace waitscope
