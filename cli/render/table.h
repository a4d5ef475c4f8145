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
  bool gives_way = false;  // shortened when the line is too long, the widest first
};

struct Cell {
  std::string text;
  Hue hue = Hue::kPlain;
};

// A line as pieces of text that are painted alike.
using Line = std::vector<Cell>;

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }

  // Lines end in a newline and never in spaces. A last left-aligned column is not padded.
  std::string Render(const TextStyle& style) const;

  // The same, title line first, for screens that paint by other means than escape sequences.
  std::vector<Line> Lines(int width) const;

 private:
  struct Layout {
    std::vector<int> widths;
    int gap = 0;
  };

  std::vector<int> NaturalWidths() const;
  int* WidestToGiveWay(std::vector<int>* widths) const;
  Layout Fit(int line_width) const;
  Line LineOf(const Layout& layout, const std::vector<Cell>& row) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace waitscope::cli
