// Rows in ascending order of address, and the page index over them.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "bpf/unwind/table.h"

namespace waitscope {

class RowWriter {
 public:
  // The first row must be at `begin`, the start of a page.
  RowWriter(uint64_t begin, uint32_t pages) : begin_(begin), pages_(pages) {
    page_first_row_.reserve(pages + size_t{1});
  }

  bool empty() const { return rows_.empty(); }
  // Rows past the limit were left out: the table is of no use.
  bool overflowed() const { return overflowed_; }

  // From `address` on, which never goes back, `rule` holds.
  void Add(uint64_t address, uint16_t rule) {
    const uint64_t offset = address - begin_;
    const uint64_t page = offset >> UNWIND_PAGE_SHIFT;
    if (page >= pages_ || (!rows_.empty() && offset < last_offset_)) return;
    if (!rows_.empty() && offset == last_offset_) rows_.pop_back();
    if (!rows_.empty() && unwind_row_rule(rows_.back()) == rule) return;
    if (rows_.size() >= kMaxRows) {
      overflowed_ = true;
      return;
    }
    while (page_first_row_.size() <= page) PushPage();
    rows_.push_back(unwind_row(offset & (UNWIND_PAGE_BYTES - 1), rule));
    last_offset_ = offset;
  }

  std::pair<std::vector<uint32_t>, std::vector<uint32_t>> Finish() && {
    while (page_first_row_.size() <= pages_) PushPage();
    rows_.shrink_to_fit();
    return {std::move(rows_), std::move(page_first_row_)};
  }

 private:
  // ClickHouse, among the largest, has 2.8 million.
  static constexpr size_t kMaxRows = 8 << 20;

  void PushPage() { page_first_row_.push_back(static_cast<uint32_t>(rows_.size())); }

  uint64_t begin_;
  uint64_t pages_;
  uint64_t last_offset_ = 0;
  bool overflowed_ = false;
  std::vector<uint32_t> rows_;
  std::vector<uint32_t> page_first_row_;
};

}  // namespace waitscope
