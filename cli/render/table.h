// Columns of text that line up, with colour that does not disturb the lining up.
#pragma once

#include <string>
#include <vector>

#include "cli/render/style.h"

namespace waitscope::cli {

enum class Align : uint8_t { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kRight;
  bool gives_way = false;  // shortened first when the line is too long
};

struct Cell {
  std::string text;
  Hue hue = Hue::kPlain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }

  // Lines end in a newline and never in spaces. A last left-aligned column is not padded.
  std::string Render(const TextStyle& style) const;

 private:
  std::vector<int> Widths(int line_width) const;
  std::string Line(const TextStyle& style, const std::vector<int>& widths,
                   const std::vector<Cell>& row) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace waitscope::cli
