#include "agent/unwind/named_symbols.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace waitscope {
namespace {

// Debian's python3.11 has 2,000 symbols, with all of a debug build's some 20,000.
constexpr uint64_t kMaxSymbolBytes = 8 << 20;
constexpr uint64_t kMaxNameBytes = 16 << 20;

using Found = std::vector<std::optional<uint64_t>>;

bool IsNamed(const std::vector<uint8_t>& names, uint32_t at, absl::string_view wanted) {
  return at < names.size() && names.size() - at > wanted.size() &&
         std::memcmp(names.data() + at, wanted.data(), wanted.size()) == 0 &&
         names[at + wanted.size()] == 0;
}

void FindIn(const ElfImage& image, absl::string_view table, absl::string_view names_of_table,
            std::span<const absl::string_view> wanted, Found& found) {
  const ElfImage::Section* const symbols = image.FindSection(table);
  const ElfImage::Section* const names = image.FindSection(names_of_table);
  if (symbols == nullptr || names == nullptr) return;
  if (symbols->size > kMaxSymbolBytes || names->size > kMaxNameBytes) return;
  const std::vector<uint8_t> text = image.Read(names->offset, names->size);
  const std::vector<uint8_t> bytes = image.Read(symbols->offset, symbols->size);
  for (size_t at = 0; at + sizeof(Elf64_Sym) <= bytes.size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol{};
    std::memcpy(&symbol, bytes.data() + at, sizeof(symbol));
    if (symbol.st_shndx == SHN_UNDEF) continue;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (!found[i] && IsNamed(text, symbol.st_name, wanted[i])) found[i] = symbol.st_value;
    }
  }
}

}  // namespace

std::vector<std::optional<uint64_t>> FindSymbols(const ElfImage& image,
                                                 std::span<const absl::string_view> wanted) {
  Found found(wanted.size());
  FindIn(image, ".dynsym", ".dynstr", wanted, found);
  const bool all = std::all_of(found.begin(), found.end(), [](const auto& one) { return one; });
  if (!all) FindIn(image, ".symtab", ".strtab", wanted, found);
  return found;
}

std::optional<uint64_t> FindSymbol(const ElfImage& image, absl::string_view wanted) {
  return FindSymbols(image, std::span(&wanted, 1)).front();
}

}  // namespace waitscope
