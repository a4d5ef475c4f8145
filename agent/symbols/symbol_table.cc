#include "agent/symbols/symbol_table.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

namespace waitscope {
namespace {

constexpr uint64_t kMaxSymbols = 2'000'000;
constexpr size_t kChunkSymbols = 2048;
constexpr uint64_t kMaxUnsizedBytes = 64 << 10;
// Functions overlap only in hand-written assembly, a few deep.
constexpr int kMaxNesting = 16;
// Choosing between the names of one address reads both: bounded, as anybody can write a table.
constexpr int kMaxComparisons = 200'000;
constexpr size_t kComparedBytes = 128;

struct Candidate {
  uint64_t address;
  uint32_t size;
  uint32_t name;
  uint16_t section;
  uint8_t type;
  uint8_t binding;
};

bool IsFunction(uint8_t type) { return type == STT_FUNC || type == STT_GNU_IFUNC; }

// Labels of assembly have no type, but they are code when their section is.
template <typename Symbol>
std::optional<Candidate> ToCandidate(const ElfLayout& layout, const Symbol& symbol) {
  const uint8_t type = ELF64_ST_TYPE(symbol.st_info);
  const bool code = IsFunction(type) || type == STT_NOTYPE;
  if (!code || symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0 || symbol.st_name == 0) {
    return std::nullopt;
  }
  if (symbol.st_shndx < layout.sections.size()) {
    if ((layout.sections[symbol.st_shndx].flags & SHF_EXECINSTR) == 0) return std::nullopt;
  } else if (type == STT_NOTYPE) {
    return std::nullopt;
  }
  return Candidate{.address = symbol.st_value,
                   .size = static_cast<uint32_t>(std::min<uint64_t>(symbol.st_size, UINT32_MAX)),
                   .name = symbol.st_name,
                   .section = symbol.st_shndx,
                   .type = type,
                   .binding = static_cast<uint8_t>(ELF64_ST_BIND(symbol.st_info))};
}

template <typename Symbol>
std::vector<Candidate> ReadCandidates(const ByteSource& source, const ElfLayout& layout,
                                      const ElfSection& section) {
  std::vector<Candidate> candidates;
  std::array<Symbol, kChunkSymbols> chunk;
  const uint64_t total = std::min(section.size / sizeof(Symbol), kMaxSymbols);
  for (uint64_t first = 0; first < total; first += chunk.size()) {
    const uint64_t count = std::min<uint64_t>(chunk.size(), total - first);
    const uint64_t at = first * sizeof(Symbol);
    if (section.offset > UINT64_MAX - at) break;
    if (!source.Read(section.offset + at, chunk.data(), count * sizeof(Symbol))) break;
    for (uint64_t index = 0; index < count; ++index) {
      const std::optional<Candidate> found = ToCandidate(layout, chunk[index]);
      if (found) candidates.push_back(*found);
    }
  }
  return candidates;
}

size_t LeadingUnderscores(const std::string& name) {
  if (name.starts_with("_Z") || name.starts_with("_R")) return 0;
  return std::min(name.find_first_not_of('_'), name.size());
}

int BindingRank(uint8_t binding) { return binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2; }

// One function often has many names: the one people call it by is the sized one with the
// fewest underscores (`read`, not `__read` or `__libc_read`).
bool Better(const Candidate& a, const Candidate& b, const StringTable& names) {
  if ((a.size != 0) != (b.size != 0)) return a.size != 0;
  if (IsFunction(a.type) != IsFunction(b.type)) return IsFunction(a.type);
  const std::string a_name = names.At(a.name, kComparedBytes);
  const std::string b_name = names.At(b.name, kComparedBytes);
  if (a_name.empty() != b_name.empty()) return b_name.empty();
  const size_t a_underscores = LeadingUnderscores(a_name);
  const size_t b_underscores = LeadingUnderscores(b_name);
  if (a_underscores != b_underscores) return a_underscores < b_underscores;
  if (a.binding != b.binding) return BindingRank(a.binding) < BindingRank(b.binding);
  if (a_name.size() != b_name.size()) return a_name.size() < b_name.size();
  return a_name < b_name;
}

// Keeps the best name of each address. `candidates` comes sorted by address.
void DropAliases(std::vector<Candidate>& candidates, const StringTable& names) {
  size_t kept = 0;
  int comparisons = 0;
  for (size_t index = 0; index < candidates.size(); ++index) {
    const bool alias = kept > 0 && candidates[kept - 1].address == candidates[index].address;
    if (!alias) {
      candidates[kept++] = candidates[index];
    } else if (comparisons++ < kMaxComparisons &&
               Better(candidates[index], candidates[kept - 1], names)) {
      candidates[kept - 1] = candidates[index];
    }
  }
  candidates.resize(kept);
}

uint64_t SectionEnd(const ElfLayout& layout, const Candidate& entry) {
  if (entry.section >= layout.sections.size()) return UINT64_MAX;
  const ElfSection& section = layout.sections[entry.section];
  return section.address + section.size;
}

// A label without size reaches to the next function or the end of its section.
uint32_t SizeOf(const ElfLayout& layout, const std::vector<Candidate>& sorted, size_t index) {
  const Candidate& entry = sorted[index];
  if (entry.size != 0) return entry.size;
  const uint64_t next = index + 1 < sorted.size() ? sorted[index + 1].address : UINT64_MAX;
  const uint64_t end = std::min(next, SectionEnd(layout, entry));
  if (end <= entry.address) return 0;
  return static_cast<uint32_t>(std::min(end - entry.address, kMaxUnsizedBytes));
}

// libc6-dbg and older linkers write versions into names: memcpy@@GLIBC_2.14.
std::string WithoutVersion(std::string name) {
  const size_t at = name.find('@');
  if (at != std::string::npos && at > 0) name.resize(at);
  return name;
}

}  // namespace

SymbolTable SymbolTable::Build(const std::shared_ptr<const ByteSource>& source,
                               const ElfLayout& layout, const ElfSection& section, uint64_t shift) {
  SymbolTable table;
  if (section.link >= layout.sections.size()) return table;
  const ElfSection& strings = layout.sections[section.link];
  if (strings.type != SHT_STRTAB) return table;
  std::vector<Candidate> candidates = layout.is_64
                                          ? ReadCandidates<Elf64_Sym>(*source, layout, section)
                                          : ReadCandidates<Elf32_Sym>(*source, layout, section);
  if (candidates.empty()) return table;
  table.names_ = StringTable(source, strings.offset, strings.size);
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(a.address, a.name) < std::tie(b.address, b.name);
  });
  DropAliases(candidates, table.names_);
  table.functions_.reserve(candidates.size());
  for (size_t index = 0; index < candidates.size(); ++index) {
    table.functions_.push_back({candidates[index].address + shift,
                                SizeOf(layout, candidates, index), candidates[index].name});
  }
  return table;
}

std::optional<std::string> SymbolTable::Lookup(uint64_t address) const {
  auto at = std::upper_bound(
      functions_.begin(), functions_.end(), address,
      [](uint64_t wanted, const Function& entry) { return wanted < entry.address; });
  for (int step = 0; step < kMaxNesting && at != functions_.begin(); ++step) {
    const Function& function = *--at;
    if (address - function.address >= function.size) continue;
    std::string name = WithoutVersion(names_.At(function.name));
    if (!name.empty()) return name;
  }
  return std::nullopt;
}

}  // namespace waitscope
