// Builds unwind tables beside the thread that follows what processes map: that one wants files,
// and takes what was built of them when it is woken.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/os/file_access.h"
#include "agent/os/unique_fd.h"
#include "agent/source/hotspot_build.h"
#include "agent/source/mapping_tracker.h"
#include "agent/source/python_build.h"
#include "agent/unwind/rule_dictionary.h"
#include "agent/unwind/unwind_table.h"

namespace waitscope {

// What mappings call the code that the kernel gives every process.
inline constexpr std::string_view kVdso = "[vdso]";

// A process in which a file can be found: the mapping gives access to the very file.
struct FileHolder {
  uint32_t pid = 0;
  uint64_t start = 0;
  uint64_t end = 0;
};

// The mapping may be another file's by now: its inode tells.
absl::StatusOr<OpenedFile> OpenMapped(const FileHolder& holder, const MappedFile& file);

struct WantedFile {
  std::shared_ptr<const MappedFile> file;
  FileHolder holder;
  std::optional<OpenedFile> opened = {};  // by who was first at it: the holder may end meanwhile
};

struct BuiltFile {
  std::shared_ptr<const MappedFile> file;
  std::optional<FileKey> key;  // nothing: the file could not be opened
  std::optional<UnwindTable> table;
  RuleDictionary rules;  // of the table alone
  std::optional<PythonBuild> python;
  std::optional<VmStructsAt> hotspot;
};

// Nothing, and the file stays open, when it has more code than that.
std::optional<BuiltFile> BuildFile(WantedFile& wanted, uint64_t most_code_bytes);

// A small file and a large one are in work at a time: a large one, which takes up to a second,
// keeps no small one waiting. Safe from any thread.
class TableBuilder {
 public:
  using Build =
      std::function<std::optional<BuiltFile>(WantedFile& wanted, uint64_t most_code_bytes)>;

  static absl::StatusOr<std::unique_ptr<TableBuilder>> Start(Build build = BuildFile);
  // Waits for the files in work, and leaves the others.
  ~TableBuilder();
  TableBuilder(const TableBuilder&) = delete;
  TableBuilder& operator=(const TableBuilder&) = delete;

  // Readable when something was built.
  int fd() const { return built_fd_.get(); }
  void Want(WantedFile wanted);
  // Of the files that are wanted, those of these mappings come first: a stack needs them.
  void Hasten(const TextMappings& mappings);
  std::vector<BuiltFile> TakeBuilt();
  // Building takes ten times what is kept: to be told when all of it was taken and let go.
  void GiveBackMemory();

 private:
  struct Lane {
    std::deque<WantedFile> wanted;
    std::thread thread;
  };

  TableBuilder(Build build, UniqueFd built_fd);
  void RunSmall();
  void RunLarge();
  void Run(Lane& lane, uint64_t most_code_bytes);
  bool MayBuild(const Lane& lane) const;

  const Build build_;
  const UniqueFd built_fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<BuiltFile> built_;
  bool memory_to_give_ = false;
  bool stopping_ = false;
  Lane small_;
  Lane large_;
};

}  // namespace waitscope
