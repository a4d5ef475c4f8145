// Finds the separate file that holds the symbols a stripped binary lost.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/symbols/elf_layout.h"
#include "agent/symbols/string_table.h"

namespace waitscope {

struct DebugFile {
  std::shared_ptr<const ByteSource> source;
  ElfLayout layout;
};

class DebugFiles {
 public:
  // `directories` as gdb's debug-file-directory: usually only /usr/lib/debug.
  explicit DebugFiles(std::vector<std::string> directories)
      : directories_(std::move(directories)) {}

  // Looks by build id, then by .gnu_debuglink, in each of `roots` (directories that stand for
  // "/"). `module_path` is the stripped file's path within them. A file is taken only if its
  // build id, or for want of one its checksum, is the one asked for.
  std::optional<DebugFile> Find(const ElfLayout& stripped, const std::string& module_path,
                                const std::vector<std::string>& roots) const;

 private:
  std::vector<std::string> Candidates(const ElfLayout& stripped,
                                      const std::string& module_path) const;

  std::vector<std::string> directories_;
};

}  // namespace waitscope
