// A table that can be asked for the rule at an address, through the shared search.
#pragma once

#include <compare>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "agent/unwind/elf_image.h"
#include "agent/unwind/rule_dictionary.h"
#include "agent/unwind/unwind_table.h"
#include "tests/unwind/frame_bytes.h"

inline bool operator==(const unwind_rule& a, const unwind_rule& b) {
  return a.cfa_kind == b.cfa_kind && a.return_kind == b.return_kind && a.rbp_kind == b.rbp_kind &&
         a.rbx_kind == b.rbx_kind && a.cfa_off == b.cfa_off && a.rbp_off == b.rbp_off &&
         a.rbx_off == b.rbx_off;
}
std::ostream& operator<<(std::ostream& out, const unwind_rule& rule);

namespace waitscope::testing {

class BuiltTable {
 public:
  static absl::StatusOr<BuiltTable> OfFile(const std::string& path);
  static absl::StatusOr<BuiltTable> OfBytes(const Bytes& elf);

  uint32_t IndexAt(uint64_t vaddr) const;
  const unwind_rule& At(uint64_t vaddr) const { return rules_.rules()[IndexAt(vaddr)]; }
  const UnwindTable& table() const { return table_; }
  const RuleDictionary& rules() const { return rules_; }

 private:
  absl::Status Build(const absl::StatusOr<ElfImage>& image);

  UnwindTable table_;
  RuleDictionary rules_;
};

}  // namespace waitscope::testing
