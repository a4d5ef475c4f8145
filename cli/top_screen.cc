#include "cli/top_screen.h"

#include <curses.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/render/report.h"
#include "cli/render/threads.h"

namespace waitscope::cli {
namespace {

constexpr int kEscapeDelayMs = 25;
constexpr int kHeadLines = 3;
constexpr int kFootLines = 1;
constexpr int kKeyEscape = 27;
constexpr int kKeyBackspace = 127;

// Of the eight colours every terminal has.
int BasicColor(Hue hue) {
  switch (hue) {
    case Hue::kCritical:
      return COLOR_RED;
    case Hue::kWarning:
    case Hue::kRunnable:
      return COLOR_YELLOW;
    case Hue::kRunning:
      return COLOR_GREEN;
    case Hue::kDisk:
      return COLOR_BLUE;
    case Hue::kNetwork:
      return COLOR_CYAN;
    case Hue::kLock:
      return COLOR_MAGENTA;
    default:
      return -1;
  }
}

// Without them every pair is the terminal's own.
void DefineColors(bool wanted) {
  if (!wanted || !has_colors()) return;
  start_color();
  use_default_colors();
  for (int hue = 0; hue <= static_cast<int>(Hue::kOther); ++hue) {
    const Hue meaning = static_cast<Hue>(hue);
    init_pair(static_cast<short>(hue + 1),
              static_cast<short>(COLORS >= 256 ? TerminalColor(meaning) : BasicColor(meaning)), -1);
  }
}

attr_t AttributesOf(Hue hue) {
  if (hue == Hue::kBold) return A_BOLD;
  if (hue == Hue::kPlain || !has_colors()) return A_NORMAL;
  return static_cast<attr_t>(COLOR_PAIR(static_cast<int>(hue) + 1));
}

void PaintLine(int row, const Line& line, bool chosen) {
  move(row, 0);
  if (chosen) attron(A_REVERSE);
  for (const Cell& piece : line) {
    const attr_t attributes = chosen ? A_NORMAL : AttributesOf(piece.hue);
    attron(attributes);
    addnstr(piece.text.c_str(), std::max(0, COLS - getcurx(stdscr)) * 4);
    attroff(attributes);
    if (getcury(stdscr) != row) return;
  }
  if (chosen) {
    hline(' ', COLS - getcurx(stdscr));
    attroff(A_REVERSE);
  }
}

void PaintText(int row, Hue hue, const std::string& text) {
  PaintLine(row, {{Truncated(text, COLS - 1), hue}}, false);
}

// The losses' colour cannot be in the text: it is decided here, for the whole line.
void PaintHead(const std::string& headline, const v1::Header& header) {
  const std::vector<std::string> lines = absl::StrSplit(headline, '\n');
  PaintText(0, Hue::kBold, lines[0]);
  if (lines.size() < 2) return;
  const bool lost = LossSummary({}, header) != "lost: nothing";
  PaintText(1, lost ? Hue::kWarning : Hue::kPlain, lines[1]);
}

}  // namespace

TopScreen::TopScreen(bool color) {
  initscr();
  raw();  // so that ^C is a key and the terminal is given back in order
  noecho();
  nodelay(stdscr, TRUE);
  keypad(stdscr, TRUE);
  set_escdelay(kEscapeDelayMs);
  curs_set(0);
  DefineColors(color);
  Paint();
}

TopScreen::~TopScreen() { endwin(); }

bool TopScreen::HandleKeys() {
  const std::optional<uint32_t> pid = pid_;
  bool changed = false;
  for (int key = getch(); key != ERR; key = getch()) {
    changed = true;
    if (typing_filter_) {
      HandleFilterKey(key);
    } else {
      HandleKey(key);
    }
  }
  if (changed && !quit_) Paint();
  return !quit_ && pid == pid_;
}

void TopScreen::HandleKey(int key) {
  constexpr int kControlC = 3;
  switch (key) {
    case 'q':
    case kControlC:
      quit_ = true;
      return;
    case KEY_DOWN:
      return MoveSelection(1);
    case KEY_UP:
      return MoveSelection(-1);
    case KEY_NPAGE:
      return MoveSelection(std::max(1, LINES - kHeadLines - kFootLines - 2));
    case KEY_PPAGE:
      return MoveSelection(-std::max(1, LINES - kHeadLines - kFootLines - 2));
    case KEY_RIGHT:
      return MoveSort(1);
    case KEY_LEFT:
      return MoveSort(-1);
    case '\n':
    case '\r':
    case KEY_ENTER:
      return Enter();
    case kKeyEscape:
    case KEY_BACKSPACE:
    case kKeyBackspace:
      return Leave();
    case '/':
      typing_filter_ = true;
      return;
    case 'K':
      view_.kernel_threads = !view_.kernel_threads;
      return;
    default:
      return;
  }
}

void TopScreen::HandleFilterKey(int key) {
  if (key == '\n' || key == '\r' || key == KEY_ENTER) {
    typing_filter_ = false;
  } else if (key == kKeyEscape) {
    typing_filter_ = false;
    view_.filter.clear();
  } else if (key == KEY_BACKSPACE || key == kKeyBackspace || key == '\b') {
    if (!view_.filter.empty()) view_.filter.pop_back();
  } else if (key >= ' ' && key < 127) {
    view_.filter.push_back(static_cast<char>(key));
  }
  selected_ = 0;
}

void TopScreen::MoveSelection(int by) {
  if (by < 0 && selected_ < static_cast<size_t>(-by)) {
    selected_ = 0;
  } else {
    selected_ += static_cast<size_t>(by);  // painting keeps it inside
  }
}

void TopScreen::MoveSort(int by) {
  const int now = static_cast<int>(view_.sort);
  if (!view_.by_not_idle) {
    view_.sort = static_cast<TopColumn>((now + by + kTopColumns) % kTopColumns);
  }
  view_.by_not_idle = false;
}

void TopScreen::Enter() {
  if (pid_.has_value() || !has_processes_) return;
  const std::vector<TopRow> rows = TopRows(processes_, view_);
  if (selected_ >= rows.size()) return;
  pid_ = rows[selected_].pid;
  has_threads_ = false;
}

void TopScreen::Leave() {
  if (!pid_.has_value()) view_.filter.clear();
  pid_.reset();
}

void TopScreen::Show(v1::ProcessesResponse response) {
  processes_ = std::move(response);
  has_processes_ = true;
  Paint();
}

void TopScreen::Show(v1::ThreadsResponse response) {
  threads_ = std::move(response);
  has_threads_ = true;
  Paint();
}

void TopScreen::Paint() {
  erase();
  if (pid_.has_value() ? has_threads_ : has_processes_) {
    pid_.has_value() ? PaintThreads() : PaintProcesses();
  } else {
    PaintText(0, Hue::kDim, "measuring ..");
  }
  PaintFooter();
  refresh();
}

void TopScreen::PaintProcesses() {
  const std::vector<TopRow> rows = TopRows(processes_, view_);
  selected_ = rows.empty() ? 0 : std::min(selected_, rows.size() - 1);
  PaintHead(TopHeadline(processes_, {.color = false, .width = COLS}), processes_.header());
  PaintTable(kHeadLines, TopLines(rows, DurationNs(processes_.header()), COLS - 1));
}

void TopScreen::PaintThreads() {
  const std::string text = RenderThreads(threads_, {}, {.color = false, .width = COLS - 1});
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (int row = 0; row < static_cast<int>(lines.size()) && row < LINES - kFootLines; ++row) {
    PaintText(row, Hue::kPlain, lines[static_cast<size_t>(row)]);
  }
}

void TopScreen::PaintTable(int top, const std::vector<TopLine>& lines) {
  const int room = LINES - top - kFootLines - 1;
  if (room < 1) return;
  const auto visible = static_cast<size_t>(room);
  const auto is_chosen = [this](const TopLine& line) {
    return !line.title && line.row == selected_;
  };
  const auto at = std::find_if(lines.begin(), lines.end(), is_chosen);
  const size_t chosen = at == lines.end() ? 0 : static_cast<size_t>(at - lines.begin()) - 1;
  first_line_ = std::clamp(first_line_, chosen < visible ? 0 : chosen - visible + 1, chosen);
  PaintLine(top, lines[0].line, false);
  for (size_t i = 0; i < visible && first_line_ + i + 1 < lines.size(); ++i) {
    const TopLine& line = lines[first_line_ + i + 1];
    PaintLine(top + 1 + static_cast<int>(i), line.line, is_chosen(line));
  }
}

void TopScreen::PaintFooter() {
  if (typing_filter_) {
    PaintText(LINES - 1, Hue::kBold, absl::StrCat("filter: ", view_.filter, "_"));
    return;
  }
  if (pid_.has_value()) {
    PaintText(LINES - 1, Hue::kDim, "esc back to processes, q quit");
    return;
  }
  const std::string order =
      view_.by_not_idle ? "not idle" : std::string(TopColumnTitle(view_.sort));
  const std::string filter = view_.filter.empty() ? "" : absl::StrCat(" [", view_.filter, "]");
  PaintText(LINES - 1, Hue::kDim,
            absl::StrCat("<> sort: ", order, "  / filter", filter,
                         "  enter threads  K kernel  q quit   (threads' worth of time)"));
}

}  // namespace waitscope::cli
