// Colours and width of text for people. One hue per wait class, the same in terminal and SVG.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace waitscope::cli {

struct TextStyle {
  bool color = false;
  int width = 80;
};

// What a piece of text means; the palette decides how that looks.
enum class Hue : uint8_t {
  kPlain,
  kDim,
  kBold,
  kCritical,
  kWarning,
  kRunning,
  kRunnable,
  kDisk,
  kNetwork,
  kLock,
  kSleep,
  kPoll,
  kPipe,
  kChild,
  kOther,
};

// The hue of a wait class or of the words "running", "woken", "preempted".
Hue HueOfClass(absl::string_view wait_class);

// A number of the 256-colour palette; -1 keeps the terminal's own colour.
int TerminalColor(Hue hue);
// "#rrggbb".
absl::string_view SvgColor(Hue hue);

std::string Paint(const TextStyle& style, Hue hue, absl::string_view text);

// Names come from other people's programs: control characters would drive the terminal.
std::string Printable(absl::string_view text);

// Columns a string takes, counting UTF-8 characters rather than bytes.
int DisplayWidth(absl::string_view text);
std::string Truncated(absl::string_view text, int width);

}  // namespace waitscope::cli
