#include "agent/unwind/go_table.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "agent/unwind/byte_reader.h"

namespace waitscope {
namespace {

// The largest programs have 60 MB of it.
constexpr uint64_t kMaxTableBytes = 128 << 20;
constexpr uint64_t kMaxFunctions = 1 << 21;
// The largest position-independent programs have a million.
constexpr uint64_t kMaxRelocations = 4 << 20;
constexpr uint64_t kPieceBytes = 64 << 10;

constexpr uint32_t kMagic116 = 0xfffffffa;
constexpr uint32_t kMagic118 = 0xfffffff0;
constexpr uint32_t kMagic120 = 0xfffffff1;

constexpr uint64_t kAlignment = 32;
constexpr uint64_t kHeaderBytes = 72;
constexpr uint64_t kTextStartAt = 24;
// Of runtime.moduledata, which has a section of its own since 1.26.
constexpr uint64_t kModuleTextAt = 176;

struct RecordHead {
  uint32_t name;
  uint32_t arguments;
  uint32_t deferred;
  uint32_t deltas;
};

// A part of a file, read in pieces: cheap when it is gone through from its beginning to its end.
class PieceReader {
 public:
  PieceReader(const ElfImage& image, GoTable::Part part) : image_(image), part_(part) {}

  // Nothing where the part or the file ends.
  template <typename T>
  std::optional<T> At(uint64_t offset) {
    if (offset > part_.size || part_.size - offset < sizeof(T)) return std::nullopt;
    const bool here = offset >= begin_ && offset - begin_ + sizeof(T) <= piece_.size();
    if (!here) {
      begin_ = offset;
      piece_ = image_.Read(part_.offset + offset, std::min(kPieceBytes, part_.size - offset));
      if (piece_.size() < sizeof(T)) return std::nullopt;
    }
    T value;
    std::memcpy(&value, piece_.data() + (offset - begin_), sizeof(T));
    return value;
  }

 private:
  const ElfImage& image_;
  GoTable::Part part_;
  uint64_t begin_ = 0;
  std::vector<uint8_t> piece_;
};

struct Header {
  uint32_t magic;
  uint16_t zero;
  uint8_t quantum;  // the least bytes of an instruction
  uint8_t pointer_bytes;
  uint64_t functions;
  uint64_t files;
};

bool IsKnown(const Header& header) {
  const bool version =
      header.magic == kMagic116 || header.magic == kMagic118 || header.magic == kMagic120;
  return version && header.zero == 0 && header.quantum == 1 &&
         header.pointer_bytes == sizeof(uint64_t);
}

// The C compiler's linker makes one section of all that begin like this one, where Go's had a name.
std::optional<ElfImage::Section> FindMerged(const ElfImage& image) {
  const ElfImage::Section* const merged = image.FindSection(".data.rel.ro");
  if (merged == nullptr || image.FindSection(".note.go.buildid") == nullptr) return std::nullopt;
  ElfImage::Section found = *merged;
  PieceReader reader(image, {merged->offset, std::min(merged->size, kMaxTableBytes)});
  for (uint64_t at = -merged->address % kAlignment;; at += kAlignment) {
    const auto header = reader.At<Header>(at);
    if (!header) return std::nullopt;
    if (!IsKnown(*header)) continue;
    found.address += at;
    found.offset += at;
    found.size -= at;
    return found;
  }
}

std::optional<ElfImage::Section> FindSection(const ElfImage& image) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    if (const auto* section = image.FindSection(name)) return *section;
  }
  return FindMerged(image);
}

// What the loader of a position-independent program writes there; 0 when it writes nothing.
uint64_t RelocatedWord(const ElfImage& image, uint64_t address) {
  uint64_t left = kMaxRelocations;
  for (const ElfImage::Section& section : image.sections()) {
    if (section.type != SHT_RELA) continue;
    PieceReader reader(image, {section.offset, section.size});
    for (uint64_t at = 0; left > 0; at += sizeof(Elf64_Rela), --left) {
      const auto entry = reader.At<Elf64_Rela>(at);
      if (!entry) break;
      const bool relative = ELF64_R_TYPE(entry->r_info) == R_X86_64_RELATIVE;
      if (relative && entry->r_offset == address) return static_cast<uint64_t>(entry->r_addend);
    }
  }
  return 0;
}

uint64_t WordAt(const ElfImage& image, uint64_t address) {
  const std::vector<uint8_t> bytes = image.ReadAddress(address, sizeof(uint64_t));
  const auto told = ByteReader(bytes).Fixed<uint64_t>();
  return told != 0 ? told : RelocatedWord(image, address);
}

// In the table's header until 1.25. The section .text does not tell: where C is linked in, its code
// comes first.
uint64_t TextStart(const ElfImage& image, const ElfImage::Section& section) {
  const uint64_t told = WordAt(image, section.address + kTextStartAt);
  const ElfImage::Section* const module = image.FindSection(".go.module");
  return told != 0 || module == nullptr ? told : WordAt(image, module->address + kModuleTextAt);
}

// From one of the places in the table to the next.
GoTable::Part PartFrom(uint64_t begin, const std::array<uint64_t, 5>& places,
                       const ElfImage::Section& section) {
  uint64_t end = section.size;
  for (const uint64_t place : places) {
    if (place > begin) end = std::min(end, place);
  }
  return begin < end ? GoTable::Part{section.offset + begin, end - begin} : GoTable::Part();
}

// Nothing when it is another version's.
std::optional<GoTable> ReadHeader(const ElfImage& image, const ElfImage::Section& section) {
  const std::vector<uint8_t> bytes = image.Read(section.offset, kHeaderBytes);
  ByteReader reader(bytes);
  const auto header = reader.Fixed<Header>();
  if (!IsKnown(header)) return std::nullopt;
  GoTable table;
  table.count = header.functions;
  table.whole_entries = header.magic == kMagic116;
  if (!table.whole_entries) reader.Fixed<uint64_t>();  // where code begins
  std::array<uint64_t, 5> places;  // names, compilation units, files, deltas, functions
  for (uint64_t& place : places) place = reader.Fixed<uint64_t>();
  if (!reader.ok()) return std::nullopt;
  table.names = PartFrom(places[0], places, section);
  table.deltas = PartFrom(places[3], places, section);
  // Versions differ in what is behind them.
  table.functions = PartFrom(places[4], {}, section);
  return table;
}

// Goes through the functions in the order of the file, which is that of their records, too.
class FunctionReader {
 public:
  FunctionReader(const ElfImage& image, const GoTable& table)
      : table_(table), entries_(image, table.functions), records_(image, table.functions) {}

  std::optional<uint64_t> Begin(uint64_t index) {
    if (table_.whole_entries) return entries_.At<uint64_t>(index * 16);
    const auto within = entries_.At<uint32_t>(index * 8);
    return within ? std::optional(table_.text_start + *within) : std::nullopt;
  }

  std::optional<GoFunction> Read(uint64_t index) {
    const std::optional<uint64_t> record = Record(index);
    if (!record || *record < last_record_) return std::nullopt;
    last_record_ = *record;
    const auto head = records_.At<RecordHead>(*record);
    if (!head) return std::nullopt;
    return GoFunction{.name = head->name, .deltas = head->deltas};
  }

 private:
  // Behind the beginning, which is repeated there.
  std::optional<uint64_t> Record(uint64_t index) {
    if (table_.whole_entries) {
      const auto at = entries_.At<uint64_t>(index * 16 + 8);
      return at ? std::optional(*at + sizeof(uint64_t)) : std::nullopt;
    }
    const auto at = entries_.At<uint32_t>(index * 8 + 4);
    return at ? std::optional(*at + sizeof(uint32_t)) : std::nullopt;
  }

  const GoTable& table_;
  PieceReader entries_;
  PieceReader records_;
  uint64_t last_record_ = 0;
};

}  // namespace

std::optional<GoTable> FindGoTable(const ElfImage& image) {
  const std::optional<ElfImage::Section> section = FindSection(image);
  if (!section || section->size > kMaxTableBytes) return std::nullopt;
  std::optional<GoTable> table = ReadHeader(image, *section);
  if (!table || table->count > kMaxFunctions) return std::nullopt;
  if (table->whole_entries) return table;
  table->text_start = TextStart(image, *section);
  return table->text_start == 0 ? std::nullopt : table;
}

bool ForEachGoFunction(const ElfImage& image, const GoTable& table,
                       absl::FunctionRef<bool(const GoFunction& function)> each) {
  FunctionReader reader(image, table);
  std::optional<uint64_t> begin = reader.Begin(0);
  for (uint64_t index = 0; index < table.count && begin; ++index) {
    std::optional<GoFunction> function = reader.Read(index);
    const std::optional<uint64_t> end = reader.Begin(index + 1);
    if (!function || !end || *end < *begin || *end > INT64_MAX) return false;
    function->begin = *begin;
    function->end = *end;
    // Marks that the linker sets, like go:textfipsstart, take no room.
    if (*end != *begin && !each(*function)) return false;
    begin = end;
  }
  return begin.has_value();
}

}  // namespace waitscope
