#include "agent/unwind/rule_dictionary.h"

#include <algorithm>
#include <cstring>

#include "agent/unwind/frame_rule.h"

namespace waitscope {

static_assert(UNWIND_MAX_RULES <= UINT16_MAX + 1, "rows carry 16 bits of rule index");

RuleDictionary::RuleDictionary() {
  for (const unwind_rule& fixed : {NoRule(), EndRule(), UnsupportedRule()}) IndexOf(fixed);
}

RuleDictionary::Key RuleDictionary::KeyOf(const unwind_rule& rule) {
  uint64_t head = 0;
  uint32_t tail = 0;
  const auto* bytes = reinterpret_cast<const char*>(&rule);
  std::memcpy(&head, bytes, sizeof(head));
  std::memcpy(&tail, bytes + sizeof(head), sizeof(tail));
  return {head, tail};
}

uint16_t RuleDictionary::IndexOf(const unwind_rule& rule, size_t most) {
  const Key key = KeyOf(rule);
  const auto found = indexes_.find(key);
  if (found != indexes_.end()) return found->second;
  if (rules_.size() >= std::min<size_t>(most, UNWIND_MAX_RULES)) {
    ++refused_;
    return UNWIND_RULE_unsupported;
  }
  const auto index = static_cast<uint16_t>(rules_.size());
  rules_.push_back(rule);
  indexes_.emplace(key, index);
  return index;
}

std::vector<uint16_t> RuleDictionary::Merge(const RuleDictionary& other) {
  std::vector<uint16_t> indexes;
  indexes.reserve(other.rules_.size());
  for (const unwind_rule& rule : other.rules_) indexes.push_back(IndexOf(rule));
  return indexes;
}

}  // namespace waitscope
