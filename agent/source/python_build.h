// What an ELF file says of the CPython in it.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "agent/python/layout.h"
#include "agent/unwind/elf_image.h"

namespace waitscope {

struct PythonBuild {
  PythonLayout layout;
  uint64_t runtime = 0;  // address of _PyRuntime before relocation
};

// Whether a file of this name can hold CPython's interpreter: "python3.11", "libpython3.11.so.1.0".
bool MayHoldPython(absl::string_view path);

// Nothing when the file holds no CPython whose layout is known.
std::optional<PythonBuild> FindPython(const ElfImage& image, absl::string_view path);

}  // namespace waitscope
