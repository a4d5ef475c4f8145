// Equal values kept once, and known by a small number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace waitscope {

// Every Intern needs a Release. Value: hashable by Abseil.
template <typename Value>
class Pool {
 public:
  Pool() : index_(0, Hash{&rows_}, Equal{&rows_}) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() = default;

  struct Interned {
    uint32_t number = 0;
    bool added = false;  // it was not there before
  };
  Interned Intern(const Value& value) {
    const auto known = index_.find(value);
    if (known != index_.end()) {
      ++rows_[*known].uses;
      return {*known, false};
    }
    const uint32_t number = FreeNumber();
    rows_[number] = {value, 1};
    index_.insert(number);
    return {number, true};
  }

  const Value& At(uint32_t number) const { return rows_[number].value; }

  // The value, when this was its last use.
  std::optional<Value> Release(uint32_t number) {
    if (--rows_[number].uses > 0) return std::nullopt;
    index_.erase(number);
    free_.push_back(number);
    return std::exchange(rows_[number].value, Value());
  }

  // Of what is in use, without what the values have elsewhere. Room given back is used again, so
  // that the pool takes as much as it ever needed at most.
  size_t bytes() const { return index_.size() * (sizeof(Row) + kIndexBytes); }

 private:
  // A number and a byte, in a table up to seven eighths full that doubles; and one on the free
  // list.
  static constexpr size_t kIndexBytes = 2 * (sizeof(uint32_t) + 1);

  struct Row {
    Value value;
    uint32_t uses = 0;
  };
  using Rows = std::deque<Row>;

  struct Hash {
    using is_transparent = void;
    const Rows* rows;
    size_t operator()(const Value& value) const { return absl::Hash<Value>()(value); }
    size_t operator()(uint32_t number) const { return (*this)((*rows)[number].value); }
  };
  struct Equal {
    using is_transparent = void;
    const Rows* rows;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const Value& b) const { return (*rows)[a].value == b; }
  };

  uint32_t FreeNumber() {
    if (free_.empty()) {
      rows_.emplace_back();
      return static_cast<uint32_t>(rows_.size() - 1);
    }
    const uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }

  Rows rows_;
  std::vector<uint32_t> free_;
  absl::flat_hash_set<uint32_t, Hash, Equal> index_;
};

}  // namespace waitscope
