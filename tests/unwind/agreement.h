// Compares a file's table with elfutils, row by row in both directions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tests/unwind/built_table.h"

namespace waitscope::testing {

struct Agreement {
  uint64_t rows = 0;         // of elfutils, compared at their first and last byte
  uint64_t unsupported = 0;  // of them, in no form that a table carries
  uint64_t unreadable = 0;   // rows that elfutils itself cannot make sense of; not compared
  uint64_t mismatches = 0;
  uint64_t known_bytes = 0;  // no record covers them, but the table has a rule: known code, padding
  std::string first_mismatch;
};

Agreement CompareWithElfutils(const std::string& path, const BuiltTable& built);

}  // namespace waitscope::testing
