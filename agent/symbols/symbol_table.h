// The functions of one file, from a symbol table of ELF or of a run time, as a sorted array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/symbols/elf_layout.h"
#include "agent/symbols/string_table.h"

namespace waitscope {

class SymbolTable {
 public:
  struct Function {
    uint64_t address;
    uint32_t size;
    uint32_t name;  // its offset in the names
  };

  SymbolTable() = default;
  // Sorted by address.
  SymbolTable(std::vector<Function> functions, StringTable names)
      : functions_(std::move(functions)), names_(std::move(names)) {}

  // `section` is a SHT_SYMTAB or SHT_DYNSYM of `layout`. `shift` is added to every address (a
  // debug file may be linked elsewhere than the prelinked file it belongs to).
  static SymbolTable Build(const std::shared_ptr<const ByteSource>& source, const ElfLayout& layout,
                           const ElfSection& section, uint64_t shift);

  // The linker name of the function around `address`.
  std::optional<std::string> Lookup(uint64_t address) const;
  bool empty() const { return functions_.empty(); }
  size_t size() const { return functions_.size(); }
  size_t bytes() const { return functions_.capacity() * sizeof(Function) + names_.bytes(); }

 private:
  std::vector<Function> functions_;
  StringTable names_;
};

}  // namespace waitscope
