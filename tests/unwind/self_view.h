// The tables and mappings of the running process, in the arrays that the kernel side would see.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/unwind/rule_dictionary.h"
#include "agent/unwind/stack_unwinder.h"
#include "agent/unwind/unwind_table.h"

namespace waitscope::testing {

class SelfView {
 public:
  SelfView();

  UnwindView view() const { return {mappings_, pages_, rows_, rules_.rules()}; }

 private:
  struct Line {  // of /proc/self/maps
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t offset = 0;
    std::string path;
  };

  void Add(const Line& line);
  absl::StatusOr<UnwindTable> Build(const Line& line);
  void Publish(const UnwindTable& table, unwind_mapping& mapping, const Line& line);

  RuleDictionary rules_;
  std::vector<unwind_mapping> mappings_;
  std::vector<uint32_t> pages_;
  std::vector<uint32_t> rows_;
};

}  // namespace waitscope::testing
