#include "tests/unwind/go_bytes.h"

#include <elf.h>

namespace waitscope::testing {
namespace {

struct GoFunctionBytes {
  Bytes names;
  Bytes deltas = {0};
  Bytes index;
  Bytes records;
};

Bytes EntryOf(const GoTableParts& parts, uint32_t at, uint64_t record) {
  if (parts.whole_entries) return Join({Fixed64(parts.text + at), Fixed64(record)});
  return Join({Fixed32(at), Fixed32(static_cast<uint32_t>(record))});
}

Bytes RecordOf(const GoTableParts& parts, uint32_t at, size_t name, size_t deltas) {
  return Join({parts.whole_entries ? Fixed64(parts.text + at) : Fixed32(at),
               Fixed32(static_cast<uint32_t>(name)), Fixed32(0), Fixed32(0),
               Fixed32(static_cast<uint32_t>(deltas)), Bytes(24, 0)});
}

GoFunctionBytes FunctionBytes(const GoTableParts& parts) {
  GoFunctionBytes made;
  const uint64_t records_at = (parts.functions.size() + 1) * (parts.whole_entries ? 16 : 8);
  uint32_t at = 0;
  for (const MadeGoFunction& function : parts.functions) {
    made.index = Join({made.index, EntryOf(parts, at, records_at + made.records.size())});
    made.records = Join({made.records, RecordOf(parts, at, made.names.size(), made.deltas.size())});
    made.names.insert(made.names.end(), function.name.begin(), function.name.end());
    made.names.push_back(0);
    made.deltas = Join({made.deltas, function.deltas, {0}});
    at += function.bytes;
  }
  made.index = Join({made.index, EntryOf(parts, at, 0)});
  return made;
}

}  // namespace

Bytes GoTableBytes(const GoTableParts& parts) {
  const GoFunctionBytes made = FunctionBytes(parts);
  const uint64_t header = 8 + 8 * (parts.whole_entries ? 7 : 8);
  const uint64_t deltas_from = header + made.names.size();
  return Join({Fixed32(parts.whole_entries ? 0xfffffffa : 0xfffffff1),
               {0, 0, 1, 8},
               Fixed64(parts.functions.size()),
               Fixed64(0),
               parts.whole_entries ? Bytes() : Fixed64(parts.told_text.value_or(parts.text)),
               Fixed64(header),
               Fixed64(0),
               Fixed64(0),
               Fixed64(deltas_from),
               Fixed64(deltas_from + made.deltas.size()),
               made.names,
               made.deltas,
               made.index,
               made.records});
}

Bytes GoModule(uint64_t text) { return Join({Bytes(kGoModuleTextAt, 0), Fixed64(text)}); }

Bytes GoRelocation(uint64_t address, uint64_t value) {
  return Join({Fixed64(address), Fixed64(R_X86_64_RELATIVE), Fixed64(value)});
}

}  // namespace waitscope::testing
