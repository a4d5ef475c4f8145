// All rules of all files, each once. Rows name them by index, so the list only ever grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "bpf/unwind/table.h"

namespace waitscope {

class RuleDictionary {
 public:
  RuleDictionary();

  // The index of a rule, new or not. Where `most` rules are known, others than those are
  // answered with UNWIND_RULE_unsupported.
  uint16_t IndexOf(const unwind_rule& rule, size_t most = UNWIND_MAX_RULES);
  // Takes in the rules of another dictionary. Returns the index that each of them has here.
  std::vector<uint16_t> Merge(const RuleDictionary& other);

  // Rules keep their place: what was published stays as it is, what follows is new.
  std::span<const unwind_rule> rules() const { return rules_; }
  // Rules that found the dictionary full.
  uint64_t refused() const { return refused_; }

 private:
  using Key = std::tuple<uint64_t, uint32_t>;
  static Key KeyOf(const unwind_rule& rule);

  std::vector<unwind_rule> rules_;
  absl::flat_hash_map<Key, uint16_t> indexes_;
  uint64_t refused_ = 0;
};

}  // namespace waitscope
