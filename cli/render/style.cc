#include "cli/render/style.h"

#include <iterator>

#include "absl/strings/str_cat.h"

namespace waitscope::cli {
namespace {

struct Look {
  int terminal;
  absl::string_view svg;
};

// In the order of Hue.
constexpr Look kLooks[] = {
    {-1, "#d8d8d8"},   // plain
    {245, "#9a9a9a"},  // dim
    {-1, "#333333"},   // bold
    {196, "#d62728"},  // critical
    {220, "#e0b000"},  // warning
    {71, "#6ab86a"},   // running
    {208, "#f0a04b"},  // runnable
    {33, "#4f8fdc"},   // disk
    {37, "#35aea6"},   // network
    {134, "#b06fd0"},  // lock
    {103, "#a9aecb"},  // sleep
    {245, "#c6c6c6"},  // poll
    {137, "#c79a6b"},  // pipe
    {144, "#c9c38f"},  // child
    {250, "#d3cdc6"},  // other
};

struct ClassHue {
  absl::string_view name;
  Hue hue;
};

constexpr ClassHue kClassHues[] = {
    {"running", Hue::kRunning},  {"woken", Hue::kRunnable},    {"preempted", Hue::kRunnable},
    {"disk", Hue::kDisk},        {"commit", Hue::kDisk},       {"page-fault", Hue::kDisk},
    {"reclaim", Hue::kCritical}, {"network", Hue::kNetwork},   {"lock", Hue::kLock},
    {"sleep", Hue::kSleep},      {"poll", Hue::kPoll},         {"pipe", Hue::kPipe},
    {"child", Hue::kChild},      {"runnable", Hue::kRunnable}, {"other", Hue::kOther},
};

bool IsContinuationByte(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

bool IsControl(char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F; }

// U+0080 to U+009F, which terminals obey as well.
bool IsC1Control(char first, char second) {
  const auto byte = static_cast<unsigned char>(second);
  return first == '\xC2' && byte >= 0x80 && byte < 0xA0;
}

}  // namespace

Hue HueOfClass(absl::string_view wait_class) {
  for (const ClassHue& entry : kClassHues) {
    if (entry.name == wait_class) return entry.hue;
  }
  return Hue::kOther;
}

int TerminalColor(Hue hue) { return kLooks[static_cast<size_t>(hue)].terminal; }

absl::string_view SvgColor(Hue hue) { return kLooks[static_cast<size_t>(hue)].svg; }

std::string Paint(const TextStyle& style, Hue hue, absl::string_view text) {
  if (!style.color || hue == Hue::kPlain || text.empty()) return std::string(text);
  const int color = TerminalColor(hue);
  const std::string code = color < 0 ? "1" : absl::StrCat("38;5;", color);
  return absl::StrCat("\x1b[", code, "m", text, "\x1b[0m");
}

std::string Printable(absl::string_view text) {
  std::string clean(text);
  for (size_t i = 0; i < clean.size(); ++i) {
    if (IsControl(clean[i])) clean[i] = '?';
    if (i > 0 && IsC1Control(clean[i - 1], clean[i])) clean[i - 1] = clean[i] = '?';
  }
  return clean;
}

int DisplayWidth(absl::string_view text) {
  int width = 0;
  for (const char byte : text) width += !IsContinuationByte(byte);
  return width;
}

std::string Truncated(absl::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width <= 2) return std::string(static_cast<size_t>(width < 0 ? 0 : width), '.');
  size_t end = 0;
  for (int kept = 0; kept < width - 2; ++kept) {
    ++end;
    while (end < text.size() && IsContinuationByte(text[end])) ++end;
  }
  return absl::StrCat(text.substr(0, end), "..");
}

}  // namespace waitscope::cli
