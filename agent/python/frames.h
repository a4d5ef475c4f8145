// Python's frames in the place of the interpreter's own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/core/stack.h"
#include "bpf/unwind/python.h"

namespace waitscope {

// One frame as the kernel side found it.
struct PythonPlace {
  uint64_t code = 0;         // the code object's address; 0: only the mark of an entry
  uint32_t instruction = 0;  // bytes into it; PYTHON_NO_INSTRUCTION: unknown
  bool is_entry = false;     // called by C code: the interpreter's call ends here

  friend bool operator==(const PythonPlace&, const PythonPlace&) = default;
};

struct PythonWalk {
  python_outcome outcome = PYTHON_no_thread;
  uint32_t minor = 0;
  std::vector<PythonPlace> places;  // leaf first
};

// Of the words that a stack carries; total over any words.
PythonWalk ParsePythonWords(std::span<const uint64_t> words);

struct PythonFrame {
  Frame frame;  // without a symbol: a mark alone
  bool is_entry = false;
};

// Whether a native frame is the interpreter running Python code.
bool IsInterpreter(const Frame& frame);

// `native` with each call of the interpreter replaced by the frames it runs, up to the entry. Both
// leaf first. Frames that no call of the interpreter is left for go where the last one is, or to
// the root where there is none, so that none is lost and their order is right.
std::vector<Frame> MergePython(std::vector<Frame> native, std::vector<PythonFrame> python);

// What stands where Python frames are missing: all of them, or those nearer to the root.
std::string PythonMark(const RawStack& raw, const std::vector<Frame>& native);

}  // namespace waitscope
