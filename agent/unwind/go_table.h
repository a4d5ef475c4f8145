// The table of its functions that every Go program carries, stripped or not: .gopclntab, of Go 1.16
// and later.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "agent/unwind/elf_image.h"

namespace waitscope {

struct GoTable {
  struct Part {  // of the file
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  Part names;      // each ends with a zero
  Part deltas;     // how far instructions have moved the stack pointer
  Part functions;  // where they begin, and their records
  uint64_t count = 0;
  bool whole_entries = false;  // before 1.18; since, they count from `text_start`
  uint64_t text_start = 0;
};

struct GoFunction {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint32_t name = 0;    // within the names
  uint32_t deltas = 0;  // within the deltas; 0: it has none
};

// Nothing when the file has none, or of another version, or none that says where code begins.
std::optional<GoTable> FindGoTable(const ElfImage& image);

// By address, not overlapping. False: the table is not what it seems to be, or `each` said so.
bool ForEachGoFunction(const ElfImage& image, const GoTable& table,
                       absl::FunctionRef<bool(const GoFunction& function)> each);

}  // namespace waitscope
