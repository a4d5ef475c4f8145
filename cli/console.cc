#include "cli/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace waitscope::cli {
namespace {

constexpr int kDefaultWidth = 80;
constexpr int kNarrowest = 40;

bool WantsColor(absl::string_view color, int fd) {
  if (color != "auto") return color == "always";
  const char* no_color = getenv("NO_COLOR");
  const char* terminal = getenv("TERM");
  const bool dumb = terminal == nullptr || absl::string_view(terminal) == "dumb";
  return isatty(fd) && (no_color == nullptr || *no_color == '\0') && !dumb;
}

int Width(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultWidth;
  return size.ws_col < kNarrowest ? kNarrowest : size.ws_col;
}

}  // namespace

TextStyle StyleOfOutput(absl::string_view color) {
  return {.color = WantsColor(color, STDOUT_FILENO), .width = Width(STDOUT_FILENO)};
}

TextStyle StyleOfErrors(absl::string_view color) {
  return {.color = WantsColor(color, STDERR_FILENO), .width = Width(STDERR_FILENO)};
}

Progress::Progress(std::string what, absl::Duration expected)
    : what_(std::move(what)),
      expected_(expected),
      began_(absl::Now()),
      enabled_(isatty(STDERR_FILENO)) {}

Progress::~Progress() {
  if (shown_seconds_ >= 0) fputs("\r\x1b[K", stderr);
}

void Progress::Tick() {
  const int64_t seconds = absl::ToInt64Seconds(absl::Now() - began_);
  if (!enabled_ || seconds == shown_seconds_ || seconds < 2) return;
  shown_seconds_ = seconds;
  const int64_t expected = absl::ToInt64Seconds(expected_);
  const std::string of = expected > 0 ? absl::StrCat(" of ", expected) : std::string();
  fprintf(stderr, "\r\x1b[K%s: %lld%s s", what_.c_str(), static_cast<long long>(seconds),
          of.c_str());
  fflush(stderr);
}

}  // namespace waitscope::cli
