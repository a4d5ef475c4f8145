#include "cli/render/table.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace waitscope::cli {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowest = 8;  // of a column that gives way

std::string Padded(const TextStyle& style, const Cell& cell, int width, Align align) {
  const std::string text = Truncated(cell.text, width);
  const std::string padding(static_cast<size_t>(std::max(0, width - DisplayWidth(text))), ' ');
  const std::string painted = Paint(style, cell.hue, text);
  return align == Align::kLeft ? absl::StrCat(painted, padding) : absl::StrCat(padding, painted);
}

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

std::string Table::Line(const TextStyle& style, const std::vector<int>& widths,
                        const std::vector<Cell>& row) const {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    line += Padded(style, row[i], widths[i], columns_[i].align);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string Table::Render(const TextStyle& style) const {
  const std::vector<int> widths = Widths(style.width);
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.push_back({column.title, Hue::kDim});
  std::string text = Line(style, widths, titles);
  for (const auto& row : rows_) text += Line(style, widths, row);
  return text;
}

}  // namespace waitscope::cli
