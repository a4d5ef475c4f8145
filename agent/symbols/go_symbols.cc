#include "agent/symbols/go_symbols.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/unwind/elf_image.h"
#include "agent/unwind/go_table.h"

namespace waitscope {
namespace {

absl::StatusOr<ElfImage> ImageOf(const ByteSource& source) {
  if (!source.in_memory()) return ElfImage::FromFile(source.fd());
  const auto* bytes = reinterpret_cast<const uint8_t*>(source.image().data());
  return ElfImage::FromMemory(std::span(bytes, source.image().size()));
}

}  // namespace

SymbolTable ReadGoSymbols(const std::shared_ptr<const ByteSource>& source) {
  const absl::StatusOr<ElfImage> image = ImageOf(*source);
  if (!image.ok()) return {};
  const std::optional<GoTable> table = FindGoTable(*image);
  if (!table) return {};
  std::vector<SymbolTable::Function> functions;
  const bool whole = ForEachGoFunction(*image, *table, [&](const GoFunction& function) {
    const uint64_t size = std::min<uint64_t>(function.end - function.begin, UINT32_MAX);
    functions.push_back({function.begin, static_cast<uint32_t>(size), function.name});
    return true;
  });
  if (!whole) return {};
  functions.shrink_to_fit();
  return SymbolTable(std::move(functions),
                     StringTable(source, table->names.offset, table->names.size));
}

}  // namespace waitscope
