// Hand-made tables of Go's functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/unwind/frame_bytes.h"

namespace waitscope::testing {

struct MadeGoFunction {
  std::string name;
  uint32_t bytes = 0;
  Bytes deltas;  // pairs of zigzag change and length
};

struct GoTableParts {
  std::vector<MadeGoFunction> functions;
  uint64_t text = 0;                       // where the first function begins
  std::optional<uint64_t> told_text = {};  // what the header says of it
  bool whole_entries = false;              // as Go 1.16 wrote it; else as 1.20 does
};

Bytes GoTableBytes(const GoTableParts& parts);

// Where the header has the address of the first function.
inline constexpr uint64_t kGoTextStartAt = 24;
// And where runtime.moduledata has it.
inline constexpr uint64_t kGoModuleTextAt = 176;

// A section .go.module.
Bytes GoModule(uint64_t text);

// A section of one relocation: `value`, counted from where the file is loaded, goes to `address`.
Bytes GoRelocation(uint64_t address, uint64_t value);
inline constexpr uint32_t kRelocations = 4;  // SHT_RELA

}  // namespace waitscope::testing
