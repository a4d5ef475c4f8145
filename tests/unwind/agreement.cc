#include "tests/unwind/agreement.h"

#include <algorithm>
#include <sstream>

#include "tests/unwind/elfutils_rules.h"

namespace waitscope::testing {
namespace {

class Comparison {
 public:
  Comparison(const BuiltTable& built, const ElfutilsRules& elfutils)
      : built_(built), elfutils_(elfutils) {}

  Agreement Run() {
    for (const ExecSegment& segment : built_.table().segments) {
      CompareSegment(segment.vaddr, segment.vaddr + segment.size);
    }
    return agreement_;
  }

 private:
  // Byte by byte where no record is, for the next one may begin anywhere; but on long stretches,
  // which are data or a library's kernels for another processor, only where functions are aligned.
  void CompareSegment(uint64_t address, uint64_t end) {
    constexpr uint64_t kLongStretch = 4096;
    constexpr uint64_t kAlignment = 16;
    uint64_t uncovered = 0;
    while (address < end) {
      const auto row = elfutils_.At(address);
      if (row) {
        const uint64_t row_end = std::min(end, std::max(row->end, address + 1));
        CompareRow(*row, address, row_end - 1);
        address = row_end;
        uncovered = 0;
      } else {
        agreement_.known_bytes += built_.IndexAt(address) == UNWIND_RULE_none ? 0 : 1;
        const uint64_t step = uncovered < kLongStretch ? 1 : kAlignment - address % kAlignment;
        uncovered += step;
        address += step;
      }
    }
  }

  void CompareRow(const ElfutilsRules::Row& row, uint64_t first, uint64_t last) {
    ++agreement_.rows;
    if (!row.rule) {
      ++agreement_.unreadable;
      return;
    }
    agreement_.unsupported += row.rule->cfa_kind == UNWIND_CFA_unsupported ? 1 : 0;
    for (const uint64_t address : {first, last}) {
      if (built_.At(address) == *row.rule) continue;
      ++agreement_.mismatches;
      if (!agreement_.first_mismatch.empty()) continue;
      std::ostringstream text;
      text << std::hex << "0x" << address << std::dec << ": elfutils " << *row.rule << ", table "
           << built_.At(address);
      agreement_.first_mismatch = text.str();
    }
  }

  const BuiltTable& built_;
  const ElfutilsRules& elfutils_;
  Agreement agreement_;
};

}  // namespace

Agreement CompareWithElfutils(const std::string& path, const BuiltTable& built) {
  const auto elfutils = ElfutilsRules::Open(path);
  if (!elfutils) return {};
  return Comparison(built, *elfutils).Run();
}

}  // namespace waitscope::testing
