// A table of what was used recently: two generations, of which the older goes when the younger is
// full.
#pragma once

#include <cstddef>
#include <map>
#include <utility>

namespace waitscope {

template <typename Key, typename Value>
class Recent {
 public:
  // Weights are whatever the limit is in. Between one and two limits are kept.
  explicit Recent(size_t generation_limit) : limit_(generation_limit) {}

  void Put(const Key& key, Value value, size_t weight = 1) {
    if (weight_ + weight > limit_) {
      old_ = std::exchange(young_, {});
      weight_ = 0;
    }
    weight_ += weight;
    young_[key] = std::move(value);
  }

  // Null when it is not there; valid until the next change.
  const Value* Find(const Key& key) const {
    for (const Rows* rows : {&young_, &old_}) {
      if (const auto at = rows->find(key); at != rows->end()) return &at->second;
    }
    return nullptr;
  }

  bool Remove(const Key& key) { return young_.erase(key) + old_.erase(key) > 0; }

  size_t size() const { return young_.size() + old_.size(); }

 private:
  using Rows = std::map<Key, Value>;

  size_t limit_;
  size_t weight_ = 0;  // put into the young one
  Rows young_;
  Rows old_;
};

}  // namespace waitscope
