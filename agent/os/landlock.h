// Which files a process can still reach, by the kernel's Landlock (v5.13).
#pragma once

#include <string>
#include <vector>

namespace waitscope {

// Files, and directories with all that is beneath them. Links are followed once, when the limits
// are set; what is not there then cannot be reached later.
struct FileLimits {
  std::vector<std::string> read;
  std::string write;  // and read, create, remove
};

// For this thread and all that it starts, for ever; no program is started any more. It needs
// PR_SET_NO_NEW_PRIVS. False: the kernel
// cannot, or will not, and there are no limits.
bool LimitFiles(const FileLimits& limits);

}  // namespace waitscope
