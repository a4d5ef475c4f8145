#include "agent/source/exported_symbol.h"

#include <elf.h>

#include <cstring>
#include <vector>

namespace waitscope {
namespace {

// Debian's python3.11 has 2,000 symbols, with all of a debug build's some 20,000.
constexpr uint64_t kMaxSymbolBytes = 8 << 20;
constexpr uint64_t kMaxNameBytes = 16 << 20;

bool IsNamed(const std::vector<uint8_t>& names, uint32_t at, absl::string_view wanted) {
  return at < names.size() && names.size() - at > wanted.size() &&
         std::memcmp(names.data() + at, wanted.data(), wanted.size()) == 0 &&
         names[at + wanted.size()] == 0;
}

std::optional<uint64_t> FindIn(const ElfImage& image, absl::string_view table,
                               absl::string_view names_of_table, absl::string_view wanted) {
  const ElfImage::Section* const symbols = image.FindSection(table);
  const ElfImage::Section* const names = image.FindSection(names_of_table);
  if (symbols == nullptr || names == nullptr) return std::nullopt;
  if (symbols->size > kMaxSymbolBytes || names->size > kMaxNameBytes) return std::nullopt;
  const std::vector<uint8_t> text = image.Read(names->offset, names->size);
  const std::vector<uint8_t> bytes = image.Read(symbols->offset, symbols->size);
  for (size_t at = 0; at + sizeof(Elf64_Sym) <= bytes.size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol{};
    std::memcpy(&symbol, bytes.data() + at, sizeof(symbol));
    if (symbol.st_shndx != SHN_UNDEF && IsNamed(text, symbol.st_name, wanted)) {
      return symbol.st_value;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> FindSymbol(const ElfImage& image, absl::string_view wanted) {
  const std::optional<uint64_t> exported = FindIn(image, ".dynsym", ".dynstr", wanted);
  return exported ? exported : FindIn(image, ".symtab", ".strtab", wanted);
}

}  // namespace waitscope
