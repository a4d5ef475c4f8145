#include "tests/unwind/built_table.h"

#include <fcntl.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/os/unique_fd.h"

std::ostream& operator<<(std::ostream& out, const unwind_rule& rule) {
  return out << "{cfa " << +rule.cfa_kind << " " << rule.cfa_off << ", return " << +rule.return_kind
             << ", rbp " << +rule.rbp_kind << " " << rule.rbp_off << ", rbx " << +rule.rbx_kind
             << " " << rule.rbx_off << "}";
}

namespace waitscope::testing {
namespace {

uint32_t PageAt(void* from, uint32_t index) {
  return static_cast<const UnwindTable*>(from)->page_first_row.at(index);
}

uint32_t RowAt(void* from, uint32_t index) {
  return static_cast<const UnwindTable*>(from)->rows.at(index);
}

}  // namespace

absl::StatusOr<BuiltTable> BuiltTable::OfFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  BuiltTable built;
  const absl::Status status = built.Build(ElfImage::FromFile(file.get()));
  if (!status.ok()) return status;
  return built;
}

absl::StatusOr<BuiltTable> BuiltTable::OfBytes(const Bytes& elf) {
  BuiltTable built;
  const absl::Status status = built.Build(ElfImage::FromMemory(elf));
  if (!status.ok()) return status;
  return built;
}

absl::Status BuiltTable::Build(const absl::StatusOr<ElfImage>& image) {
  if (!image.ok()) return image.status();
  absl::StatusOr<UnwindTable> table = BuildUnwindTable(*image, rules_);
  if (!table.ok()) return table.status();
  table_ = *std::move(table);
  return absl::OkStatus();
}

uint32_t BuiltTable::IndexAt(uint64_t vaddr) const {
  void* const from = const_cast<UnwindTable*>(&table_);
  unwind_range range = {};
  return unwind_find_rule(PageAt, RowAt, from, &range, 0, table_.pages(),
                          vaddr - table_.first_page_vaddr);
}

}  // namespace waitscope::testing
