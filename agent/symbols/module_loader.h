// From a mapping of some process to the symbols of the file behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/symbols/debug_files.h"
#include "agent/symbols/elf_symbols.h"
#include "agent/symbols/process_table.h"
#include "agent/symbols/symbol_cache.h"

namespace waitscope {

class ModuleLoader {
 public:
  struct Options {
    std::string proc_dir = "/proc";
    std::string host_root = "/";
    std::vector<std::string> debug_directories = {"/usr/lib/debug"};
    size_t cache_bytes = 48 << 20;
  };

  explicit ModuleLoader(Options options);

  // The symbols of the file behind `mapping`; null when it cannot be had any more. Opens the
  // very file that is mapped where the kernel lets us (also when deleted, or in a container),
  // else the file of that name if it still has the same inode.
  std::shared_ptr<const ElfSymbols> Load(const Process& process, CodeMapping& mapping);

  // Opens at once the files that could not be found any more if the process exited now: those of
  // another mount namespace, and deleted ones.
  void LoadVanishing(Process& process);

  // A debug file that was not there when the files of this build id were indexed.
  void AddDebugFile(const std::string& build_id);

  size_t bytes() const { return cache_.bytes(); }
  uint64_t files_indexed() const { return files_indexed_; }
  uint64_t files_unavailable() const { return files_unavailable_; }

 private:
  // A file as /proc/PID/maps names it: device, inode, path.
  using MapsName = std::tuple<uint64_t, uint64_t, std::string>;

  absl::StatusOr<OpenedFile> Open(const Process& process, const CodeMapping& code) const;
  std::shared_ptr<const ElfSymbols> Adopt(OpenedFile file, const Process& process,
                                          CodeMapping& mapping);
  std::shared_ptr<const ElfSymbols> LoadVdso(const Process& process, const Mapping& mapping);
  std::string HomeOf(const Process& process) const;

  Options options_;
  DebugFiles debug_files_;
  SymbolCache cache_;
  // For processes that exited before their stacks were named: how other processes found the
  // same file.
  absl::flat_hash_map<MapsName, std::shared_ptr<const ModuleIdentity>> known_;
  std::shared_ptr<const ElfSymbols> vdso_;
  std::shared_ptr<const ElfSymbols> vdso_32_;
  uint64_t files_indexed_ = 0;
  uint64_t files_unavailable_ = 0;
};

}  // namespace waitscope
