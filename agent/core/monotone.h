// Monotone totals seen as windows: per key, the newest record and the one that closed the last
// window. What happened in a window is the difference of the two.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

namespace waitscope {

// Newer(a, b): whether record `a` is newer than `b`. Records may come more than once, in any order.
template <typename Key, typename Record, bool (*Newer)(const Record&, const Record&)>
class Monotone {
 public:
  void Fold(const Key& key, const Record& record) {
    std::unique_ptr<Record>& fresh = entries_[key].fresh;
    if (fresh == nullptr) {
      fresh = std::make_unique<Record>(record);
    } else if (Newer(record, *fresh)) {
      *fresh = record;
    }
  }

  // visit(key, record) for each record that the next Close would use.
  template <typename Visit>
  void ForEachFresh(Visit visit) const {
    for (const auto& [key, entry] : entries_) {
      if (entry.fresh != nullptr) visit(key, *entry.fresh);
    }
  }

  // visit(key, newest, previous) for each key heard of in this window; previous is null when
  // the key is new.
  template <typename Visit>
  void Close(Visit visit) {
    for (auto& [key, entry] : entries_) {
      if (entry.fresh == nullptr) {
        ++entry.silent_windows;
        continue;
      }
      visit(key, *entry.fresh, entry.closed.get());
      entry.closed = std::move(entry.fresh);
      entry.silent_windows = 0;
    }
  }

  // Drops every key for which gone(key, windows of silence) holds.
  template <typename Gone>
  void Forget(Gone gone) {
    std::erase_if(entries_, [&](const auto& row) {
      return row.second.fresh == nullptr && gone(row.first, row.second.silent_windows);
    });
  }

  // visit(record) for each that closed a window: the baseline of the next.
  template <typename Visit>
  void ForEachClosed(Visit visit) const {
    for (const auto& [key, entry] : entries_) {
      if (entry.closed != nullptr) visit(*entry.closed);
    }
  }

  bool Knows(const Key& key) const { return entries_.contains(key); }

  // The first key that is not below `low`; null when there is none.
  const Key* NotBelow(const Key& low) const {
    const auto at = entries_.lower_bound(low);
    return at == entries_.end() ? nullptr : &at->first;
  }

 private:
  struct Entry {
    std::unique_ptr<Record> closed;
    std::unique_ptr<Record> fresh;
    uint32_t silent_windows = 0;
  };
  std::map<Key, Entry> entries_;
};

// Unsigned difference that never wraps: readings of one clock on two CPUs may differ a little.
constexpr uint64_t SinceOrZero(uint64_t earlier, uint64_t later) {
  return later > earlier ? later - earlier : 0;
}

}  // namespace waitscope
