// A function of Python's, read out of a running process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/os/process_memory.h"
#include "agent/python/layout.h"

namespace waitscope {

// What stays the same as long as a code object is the same: another one at its address differs.
struct CodeIdentity {
  uint64_t filename = 0;  // addresses of the objects
  uint64_t qualified_name = 0;
  uint64_t line_table = 0;
  uint32_t first_line = 0;

  friend bool operator==(const CodeIdentity&, const CodeIdentity&) = default;
};

struct CodeObject {
  CodeIdentity identity;
  std::string qualified_name;  // "Server.handle"
  std::string filename;        // as Python was told it
  uint32_t instructions = 0;   // offset of the first one
  std::vector<uint8_t> line_table;

  // Of the instruction that lies `offset` bytes into the object; the function's first line where
  // there is no better.
  uint32_t LineOf(uint32_t offset) const;
};

std::optional<CodeIdentity> ReadCodeIdentity(const PythonLayout& layout, uint64_t address,
                                             const ReadMemory& read);

// Nothing when there is no code object: whatever lies there, little is read of it.
std::optional<CodeObject> ReadCodeObject(const PythonLayout& layout, uint64_t address,
                                         const ReadMemory& read);

// A str as UTF-8, cut after `max_characters`. Nothing when there is no str.
std::optional<std::string> ReadPythonText(const PythonLayout& layout, uint64_t address,
                                          size_t max_characters, const ReadMemory& read);

}  // namespace waitscope
