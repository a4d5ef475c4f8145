// The indexes of the files in use, shared by every process that maps them.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "agent/os/file_access.h"
#include "agent/symbols/elf_symbols.h"

namespace waitscope {

// Least recently used first out, by bytes. The newest index always stays, however large.
class SymbolCache {
 public:
  explicit SymbolCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  std::shared_ptr<const ElfSymbols> Get(const FileKey& key);
  // In place of what was there.
  void Put(const FileKey& key, std::shared_ptr<const ElfSymbols> symbols);
  // Gives the indexes of files with this build id the functions of a debug file that came late.
  void Complete(const std::string& build_id, const DebugFile& debug);
  size_t bytes() const { return bytes_; }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    FileKey key;
    std::shared_ptr<const ElfSymbols> symbols;
    size_t bytes;
  };

  void Remove(std::list<Entry>::iterator entry);

  size_t max_bytes_;
  size_t bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  absl::flat_hash_map<FileKey, std::list<Entry>::iterator> index_;
};

}  // namespace waitscope
