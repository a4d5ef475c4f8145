#include "agent/symbols/debug_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/symbols/debug_files.h"

namespace waitscope {
namespace {

namespace fs = std::filesystem;

constexpr char kFiles[] = "/.build-id";

struct KeptFile {
  fs::file_time_type since;
  uint64_t bytes = 0;
  fs::path path;
};

std::vector<KeptFile> OldestFirst(const std::string& directory) {
  std::vector<KeptFile> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    KeptFile file{entry->last_write_time(gone), entry->file_size(gone), entry->path()};
    if (!gone && entry->is_regular_file(gone)) files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, &KeptFile::since);
  return files;
}

absl::Status CannotKeep(const std::string& what, const std::error_code& error) {
  return absl::UnavailableError(absl::StrCat("cannot keep debug files in ", what, ": ",
                                             error.message(), ". See --debuginfod-cache"));
}

bool IsDebugFileOf(const std::string& build_id, const std::string& directory) {
  ElfLayout stripped;
  stripped.build_id = build_id;
  return DebugFiles({directory}).Find(stripped, "", {"/"}).has_value();
}

}  // namespace

// Files in it are removed: never those of a directory that somebody else has put there.
bool IsOwnDirectory(const std::string& path) {
  struct stat about {};
  return lstat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == geteuid();
}

absl::StatusOr<DebugStore> DebugStore::Open(std::string directory, uint64_t max_bytes) {
  std::error_code error;
  directory = fs::absolute(directory, error).lexically_normal();
  fs::create_directories(directory + kFiles, error);
  if (!error && (!IsOwnDirectory(directory) || !IsOwnDirectory(directory + kFiles))) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot keep debug files in ", directory,
                     ": it, or .build-id in it, is a link or belongs to somebody else. Name "
                     "another directory by --debuginfod-cache"));
  }
  if (!error) fs::permissions(directory, fs::perms::owner_all, error);
  if (error) return CannotKeep(directory, error);
  return DebugStore(std::move(directory), max_bytes);
}

void DebugStore::MakeRoom() const {
  const std::vector<KeptFile> files = OldestFirst(directory_ + kFiles);
  uint64_t bytes = 0;
  for (const KeptFile& file : files) bytes += file.bytes;
  for (const KeptFile& file : files) {
    if (bytes <= max_bytes_ - max_file_bytes()) return;
    std::error_code error;
    if (fs::remove(file.path, error)) bytes -= file.bytes;
  }
}

absl::StatusOr<uint64_t> DebugStore::Keep(const std::string& file,
                                          const std::string& build_id) const {
  const fs::path place = absl::StrCat(directory_, kFiles, "/", build_id.substr(0, 2), "/",
                                      build_id.substr(2), ".debug");
  std::error_code error;
  fs::create_directory(place.parent_path(), error);
  // Its time is that of the server's file, if any.
  if (!error) fs::last_write_time(file, fs::file_time_type::clock::now(), error);
  if (!error) fs::rename(file, place, error);
  const uint64_t bytes = error ? 0 : fs::file_size(place, error);
  if (error) return CannotKeep(place, error);
  if (bytes <= max_file_bytes() && IsDebugFileOf(build_id, directory_)) return bytes;
  fs::remove(place, error);
  return absl::InvalidArgumentError(
      absl::StrCat("what came is not the debug file of ", build_id, ", or too large"));
}

}  // namespace waitscope
