#include "cli/render/table.h"

#include <algorithm>
#include <numeric>


namespace waitscope::cli {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowest = 8;  // of a column that gives way

std::string Spaces(int count) { return std::string(static_cast<size_t>(std::max(0, count)), ' '); }

}  // namespace

void Table::Add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = Printable(cell.text);
  row.resize(columns_.size());
  rows_.push_back(std::move(row));
}

std::vector<int> Table::Widths(int line_width) const {
  std::vector<int> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i].text));
    widths.push_back(width);
  }
  const int gaps = kGap * static_cast<int>(widths.size() - 1);
  int excess = std::accumulate(widths.begin(), widths.end(), gaps) - line_width;
  for (size_t i = 0; i < columns_.size() && excess > 0; ++i) {
    if (!columns_[i].gives_way) continue;
    const int spare = std::max(0, widths[i] - kNarrowest);
    widths[i] -= std::min(spare, excess);
    excess -= std::min(spare, excess);
  }
  return widths;
}

Line Table::LineOf(const std::vector<int>& widths, const std::vector<Cell>& row) const {
  Line line;
  int owed = 0;  // spaces not yet written, so that none end the line
  for (size_t i = 0; i < row.size(); ++i) {
    const std::string text = Truncated(row[i].text, widths[i]);
    const int padding = widths[i] - DisplayWidth(text);
    const bool right = columns_[i].align == Align::kRight;
    if (i > 0) owed += kGap;
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
  const std::vector<int> widths = Widths(width);
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.push_back({column.title, Hue::kDim});
  std::vector<Line> lines = {LineOf(widths, titles)};
  for (const auto& row : rows_) lines.push_back(LineOf(widths, row));
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
