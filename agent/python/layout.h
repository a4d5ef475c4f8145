// Where each version of CPython keeps what is needed to name its frames.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bpf/unwind/python.h"

namespace waitscope {

// Byte offsets within CPython's structs.
struct PythonLayout {
  python_layout walk{};  // the kernel side's part
  // PyCodeObject.
  uint32_t filename = 0;
  uint32_t qualified_name = 0;
  uint32_t line_table = 0;
  uint32_t first_line = 0;
  uint32_t instructions = 0;
  // Where the text of a str begins, after its head: of one that is all ASCII, and of others.
  uint32_t ascii_text = 0;
  uint32_t other_text = 0;

  // How much of a PyCodeObject is to be read.
  uint32_t code_bytes() const;
};

struct PythonProcess {
  PythonLayout layout;
  uint64_t runtime = 0;  // address of its _PyRuntime
};

// Of CPython 3.`minor`, where a version has one layout for all its builds: 3.11 and 3.12.
std::optional<PythonLayout> FixedPythonLayout(uint32_t minor);

// From the beginning of _PyRuntime, where 3.13 describes itself (_Py_DebugOffsets). Nothing when
// this is no such description, of another version, or of a build without the global lock.
std::optional<PythonLayout> DescribedPythonLayout(std::span<const uint8_t> runtime);

// What DescribedPythonLayout needs of it.
inline constexpr size_t kPythonDescriptionBytes = 44 * sizeof(uint64_t);

}  // namespace waitscope
