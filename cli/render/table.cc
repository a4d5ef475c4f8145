#include "cli/render/table.h"

#include <algorithm>
#include <numeric>

namespace waitscope::cli {
namespace {

constexpr int kGap = 2;
constexpr int kTightGap = 1;
constexpr int kNarrowest = 8;  // of a column that gives way

std::string Spaces(int count) { return std::string(static_cast<size_t>(std::max(0, count)), ' '); }

}  // namespace

void Table::Add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = Printable(cell.text);
  row.resize(columns_.size());
  rows_.push_back(std::move(row));
}

std::vector<int> Table::NaturalWidths() const {
  std::vector<int> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i].text));
    widths.push_back(width);
  }
  return widths;
}

// The widest of the columns that give way; nothing when all are as narrow as they get.
int* Table::WidestToGiveWay(std::vector<int>* widths) const {
  int* widest = nullptr;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int& width = (*widths)[i];
    if (!columns_[i].gives_way || width <= kNarrowest) continue;
    if (widest == nullptr || width > *widest) widest = &width;
  }
  return widest;
}

Table::Layout Table::Fit(int line_width) const {
  Layout layout{NaturalWidths(), kGap};
  const auto total = [&layout] {
    const int gaps = layout.gap * static_cast<int>(layout.widths.size() - 1);
    return std::accumulate(layout.widths.begin(), layout.widths.end(), gaps);
  };
  if (total() > line_width) layout.gap = kTightGap;
  while (total() > line_width) {
    int* widest = WidestToGiveWay(&layout.widths);
    if (widest == nullptr) break;
    --*widest;
  }
  return layout;
}

Line Table::LineOf(const Layout& layout, const std::vector<Cell>& row) const {
  Line line;
  int owed = 0;  // spaces not yet written, so that none end the line
  for (size_t i = 0; i < row.size(); ++i) {
    const std::string text = Truncated(row[i].text, layout.widths[i]);
    const int padding = layout.widths[i] - DisplayWidth(text);
    const bool right = columns_[i].align == Align::kRight;
    if (i > 0) owed += layout.gap;
    if (!text.empty()) {
      line.push_back({Spaces(owed + (right ? padding : 0))});
      line.push_back({text, row[i].hue});
      owed = right ? 0 : padding;
    } else {
      owed += padding;
    }
  }
  return line;
}

std::vector<Line> Table::Lines(int width) const {
  const Layout layout = Fit(width);
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.push_back({column.title, Hue::kDim});
  std::vector<Line> lines = {LineOf(layout, titles)};
  for (const auto& row : rows_) lines.push_back(LineOf(layout, row));
  return lines;
}

std::string Table::Render(const TextStyle& style) const {
  std::string text;
  for (const Line& line : Lines(style.width)) {
    for (const Cell& piece : line) text += Paint(style, piece.hue, piece.text);
    text += "\n";
  }
  return text;
}

}  // namespace waitscope::cli
