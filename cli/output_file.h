// Files that appear whole or not at all.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace waitscope::cli {

// Written beside its final name and renamed at the end; removed when it is not finished. Special
// files (/dev/null, a pipe) are written directly.
class OutputFile {
 public:
  static absl::StatusOr<OutputFile> Create(const std::string& path);

  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  absl::Status Write(absl::string_view data);
  absl::Status Finish();

 private:
  OutputFile(std::string path, std::string temporary_path, int fd);

  std::string path_;
  std::string temporary_path_;  // empty: `path_` is written directly
  int fd_;
};

// Whether WriteOutput could, before anybody waits for what is to be written.
absl::Status CheckOutput(const std::string& path);
// Writes to the file, or to standard output when `path` is empty.
absl::Status WriteOutput(const std::string& path, absl::string_view data);

absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace waitscope::cli
