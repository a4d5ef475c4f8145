// Whether standard input and output are a terminal that can show a full screen.
#pragma once

namespace waitscope::cli {

// False also for terminals without a movable cursor (TERM=dumb) and for those nobody knows.
bool TerminalTakesScreens();

}  // namespace waitscope::cli
