// The terminals on the other side of standard output and standard error.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/render/style.h"

namespace waitscope::cli {

// `color` is "auto", "always" or "never". NO_COLOR and a dumb terminal turn "auto" off.
TextStyle StyleOfOutput(absl::string_view color);
// Of standard error, for messages.
TextStyle StyleOfErrors(absl::string_view color);

// One line on standard error, updated while something takes more than two seconds, and erased
// after. Silent when standard error is not a terminal.
class Progress {
 public:
  explicit Progress(std::string what, absl::Duration expected);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void Tick();

 private:
  std::string what_;
  absl::Duration expected_;
  absl::Time began_;
  int64_t shown_seconds_ = -1;
  bool enabled_;
};

}  // namespace waitscope::cli
