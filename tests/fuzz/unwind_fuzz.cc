// Bytes nobody vouches for, as a whole ELF file and as the .eh_frame or the table of Go's functions
// of a good one: they may give an error or a useless table, but never a crash. With the table, they
// are unwound as a stack.
#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/unwind/stack_unwinder.h"
#include "tests/unwind/built_table.h"
#include "tests/unwind/elf_bytes.h"

namespace waitscope::testing {
namespace {

constexpr uint64_t kText = 0x1000;
constexpr uint64_t kTextBytes = 0x3000;

void UnwindWith(const BuiltTable& built, const Bytes& bytes) {
  const UnwindTable& table = built.table();
  const uint64_t length = uint64_t{table.pages()} << UNWIND_PAGE_SHIFT;
  const unwind_mapping mapping = {table.first_page_vaddr,
                                  table.first_page_vaddr + length,
                                  table.first_page_vaddr,
                                  0,
                                  table.pages(),
                                  UNWIND_MAPPING_table,
                                  0};
  StackSample sample = {.window_address = 0x7000, .window = bytes};
  sample.registers = {.pc = kText + bytes.size() % kTextBytes, .sp = 0x7000, .bp = 0x7010};
  unwind_begin(&sample.registers, static_cast<int>(bytes.size() & 1), bytes.size() % 64);
  UnwindStack({std::span(&mapping, 1), table.page_first_row, table.rows, built.rules().rules()},
              sample, nullptr);
}

void Use(const absl::StatusOr<BuiltTable>& built, const Bytes& bytes) {
  if (!built.ok()) return;
  const UnwindTable& table = built->table();
  const uint64_t end = table.first_page_vaddr + (uint64_t{table.pages()} << UNWIND_PAGE_SHIFT);
  for (uint64_t at = table.first_page_vaddr; at < end;
       at += 1 + (end - table.first_page_vaddr) / 512) {
    built->At(at);
  }
  UnwindWith(*built, bytes);
}

}  // namespace
}  // namespace waitscope::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace waitscope::testing;
  const Bytes bytes(data, data + size);
  Use(BuiltTable::OfBytes(bytes), bytes);
  Use(BuiltTable::OfBytes(MakeElf(TextWith(kText, kTextBytes, bytes))), bytes);
  ElfParts go = TextWith(kText, kTextBytes, bytes);
  go.parts.back().name = ".gopclntab";
  Use(BuiltTable::OfBytes(MakeElf(go)), bytes);
  return 0;
}
