// Everything one ELF file can say about its addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/symbols/debug_files.h"
#include "agent/symbols/elf_layout.h"
#include "agent/symbols/string_table.h"
#include "agent/symbols/symbol_table.h"

namespace waitscope {

class ElfSymbols {
 public:
  using FindDebugFile = std::function<std::optional<DebugFile>(const ElfLayout& stripped)>;

  // Indexes a file; `find_debug_file` is asked only when the file is stripped. What is not a
  // usable ELF file gives an empty index, so that a bad file is read only once.
  static ElfSymbols Index(const std::shared_ptr<const ByteSource>& source,
                          const FindDebugFile& find_debug_file);

  // The same with the functions of a debug file that came later.
  ElfSymbols With(const DebugFile& debug) const;

  // The linker name of the function around this offset of the file.
  std::optional<std::string> Lookup(uint64_t file_offset) const;
  const std::string& build_id() const { return build_id_; }
  // Only exported functions are known, if any: a debug file would tell the others.
  bool stripped() const { return stripped_; }
  size_t functions() const;
  size_t bytes() const;

 private:
  void AddTables(const std::shared_ptr<const ByteSource>& source, const ElfLayout& layout,
                 uint32_t type, uint64_t shift);
  void AddTable(SymbolTable table);
  void AddDebugData(const ByteSource& source, const ElfLayout& layout);

  ElfLayout segments_;  // only its segments are kept
  std::string build_id_;
  bool stripped_ = false;
  std::vector<SymbolTable> tables_;  // the most complete first
};

}  // namespace waitscope
