#include "agent/symbols/elf_symbols.h"

#include <elf.h>

#include <utility>

#include "agent/symbols/go_symbols.h"
#include "agent/symbols/xz.h"

namespace waitscope {
namespace {

constexpr uint64_t kMaxPackedBytes = 16 << 20;
constexpr uint64_t kMaxUnpackedBytes = 64 << 20;
constexpr size_t kMaxTables = 4;
constexpr size_t kMinimumBytes = 512;  // of an index without functions, bookkeeping included

// A prelinked file was moved after its debug file was split off.
uint64_t ShiftBetween(const ElfLayout& from, const ElfLayout& to) {
  if (from.segments.empty() || to.segments.empty()) return 0;
  return to.segments.front().address - from.segments.front().address;
}

}  // namespace

ElfSymbols ElfSymbols::Index(const std::shared_ptr<const ByteSource>& source,
                             const FindDebugFile& find_debug_file) {
  ElfSymbols symbols;
  const absl::StatusOr<ElfLayout> layout = ReadElfLayout(*source);
  if (!layout.ok()) return symbols;
  symbols.segments_.segments = layout->segments;
  symbols.build_id_ = layout->build_id;
  symbols.AddTables(source, *layout, SHT_SYMTAB, 0);
  if (!symbols.tables_.empty()) return symbols;

  const std::optional<DebugFile> debug = find_debug_file ? find_debug_file(*layout) : std::nullopt;
  if (debug) {
    symbols.AddTables(debug->source, debug->layout, SHT_SYMTAB,
                      ShiftBetween(debug->layout, *layout));
  }
  if (symbols.tables_.empty()) symbols.AddDebugData(*source, *layout);
  if (symbols.tables_.empty()) symbols.AddTable(ReadGoSymbols(source));
  symbols.stripped_ = symbols.tables_.empty();
  symbols.AddTables(source, *layout, SHT_DYNSYM, 0);
  return symbols;
}

ElfSymbols ElfSymbols::With(const DebugFile& debug) const {
  ElfSymbols symbols;
  symbols.segments_ = segments_;
  symbols.build_id_ = build_id_;
  symbols.AddTables(debug.source, debug.layout, SHT_SYMTAB, ShiftBetween(debug.layout, segments_));
  for (const SymbolTable& table : tables_) symbols.AddTable(table);
  return symbols;
}

void ElfSymbols::AddTables(const std::shared_ptr<const ByteSource>& source, const ElfLayout& layout,
                           uint32_t type, uint64_t shift) {
  for (const ElfSection& section : layout.sections) {
    if (section.type != type || tables_.size() >= kMaxTables) continue;
    AddTable(SymbolTable::Build(source, layout, section, shift));
  }
}

void ElfSymbols::AddTable(SymbolTable table) {
  if (!table.empty()) tables_.push_back(std::move(table));
}

void ElfSymbols::AddDebugData(const ByteSource& source, const ElfLayout& layout) {
  if (!layout.debugdata || layout.debugdata->size > kMaxPackedBytes) return;
  std::string packed(layout.debugdata->size, '\0');
  if (!source.Read(layout.debugdata->offset, packed.data(), packed.size())) return;
  absl::StatusOr<std::string> unpacked = DecompressXz(packed, kMaxUnpackedBytes);
  if (!unpacked.ok()) return;
  const auto inner = std::make_shared<const ByteSource>(*std::move(unpacked));
  const absl::StatusOr<ElfLayout> inner_layout = ReadElfLayout(*inner);
  if (!inner_layout.ok()) return;
  AddTables(inner, *inner_layout, SHT_SYMTAB, ShiftBetween(*inner_layout, layout));
}

std::optional<std::string> ElfSymbols::Lookup(uint64_t file_offset) const {
  const std::optional<uint64_t> address = segments_.AddressOf(file_offset);
  if (!address) return std::nullopt;
  for (const SymbolTable& table : tables_) {
    std::optional<std::string> name = table.Lookup(*address);
    if (name) return name;
  }
  return std::nullopt;
}

size_t ElfSymbols::functions() const {
  size_t total = 0;
  for (const SymbolTable& table : tables_) total += table.size();
  return total;
}

size_t ElfSymbols::bytes() const {
  size_t total = kMinimumBytes + segments_.segments.size() * sizeof(ElfSegment);
  for (const SymbolTable& table : tables_) total += table.bytes();
  return total;
}

}  // namespace waitscope
