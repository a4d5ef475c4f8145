// What elfutils makes of call frame information, as rules: the second opinion.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/os/unique_fd.h"
#include "bpf/unwind/table.h"

namespace waitscope::testing {

class ElfutilsRules {
 public:
  struct Row {
    uint64_t begin = 0;
    uint64_t end = 0;
    std::optional<unwind_rule> rule;  // nothing: elfutils cannot make sense of it
  };

  // Nothing for a file without call frame information.
  static std::optional<ElfutilsRules> Open(const std::string& path);

  // Nothing where no record covers the address.
  std::optional<Row> At(uint64_t vaddr) const;

 private:
  using ElfHandle = std::unique_ptr<Elf, int (*)(Elf*)>;

  using CfiHandle = std::unique_ptr<Dwarf_CFI, int (*)(Dwarf_CFI*)>;

  ElfutilsRules(UniqueFd file, ElfHandle elf, CfiHandle cfi)
      : file_(std::move(file)), elf_(std::move(elf)), cfi_(std::move(cfi)) {}

  UniqueFd file_;
  ElfHandle elf_;
  CfiHandle cfi_;
};

}  // namespace waitscope::testing
