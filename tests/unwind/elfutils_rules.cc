#include "tests/unwind/elfutils_rules.h"

#include <dwarf.h>
#include <fcntl.h>

#include <array>
#include <cstdlib>
#include <map>
#include <span>
#include <utility>

#include "bpf/unwind/x86_64.h"

namespace waitscope::testing {
namespace {

using Operations = std::span<const Dwarf_Op>;

bool FitsOffset(int64_t offset) { return offset >= INT16_MIN && offset <= INT16_MAX; }

// DW_OP_bregN offset, in both spellings. Returns the register.
std::optional<std::pair<uint64_t, int64_t>> BaseRegister(const Dwarf_Op& operation) {
  if (operation.atom >= DW_OP_breg0 && operation.atom <= DW_OP_breg31) {
    return std::pair<uint64_t, int64_t>(operation.atom - DW_OP_breg0, operation.number);
  }
  if (operation.atom == DW_OP_bregx) {
    return std::pair<uint64_t, int64_t>(operation.number, operation.number2);
  }
  return std::nullopt;
}

bool IsPlt(Operations operations) {
  constexpr std::array<uint8_t, 9> kAtoms = {DW_OP_breg7, DW_OP_breg16, DW_OP_lit15, DW_OP_and, 0,
                                             DW_OP_ge,    DW_OP_lit3,   DW_OP_shl,   DW_OP_plus};
  if (operations.size() != kAtoms.size()) return false;
  for (size_t i = 0; i < kAtoms.size(); ++i) {
    if (kAtoms[i] != 0 && operations[i].atom != kAtoms[i]) return false;
  }
  const bool literal = operations[4].atom >= DW_OP_lit0 && operations[4].atom <= DW_OP_lit15;
  return literal && operations[0].number == 8 && operations[1].number == 0;
}

constexpr unwind_rule kUnsupported = {.cfa_kind = UNWIND_CFA_unsupported};

// What may follow the register: nothing, deref, or deref and 8 added.
bool IsTail(Operations tail) {
  if (tail.size() > 2 || (!tail.empty() && tail[0].atom != DW_OP_deref)) return false;
  return tail.size() < 2 || (tail[1].atom == DW_OP_plus_uconst && tail[1].number == 8);
}

unwind_rule CfaOf(Operations operations) {
  // By register and how much follows it.
  static const std::map<std::pair<uint64_t, size_t>, uint8_t> kKinds = {
      {{DWARF_RSP, 0}, UNWIND_CFA_rsp},    {{DWARF_RBP, 0}, UNWIND_CFA_rbp},
      {{DWARF_RBX, 0}, UNWIND_CFA_rbx},    {{DWARF_RSP, 1}, UNWIND_CFA_at_rsp},
      {{DWARF_RBP, 1}, UNWIND_CFA_at_rbp}, {{DWARF_RSP, 2}, UNWIND_CFA_above_at_rsp}};
  if (IsPlt(operations)) {
    return {.cfa_kind = UNWIND_CFA_plt, .cfa_off = operations[4].atom - DW_OP_lit0};
  }
  if (operations.empty() || !IsTail(operations.subspan(1))) return kUnsupported;
  const auto base = BaseRegister(operations[0]);
  if (!base || base->second < INT32_MIN || base->second > INT32_MAX) return kUnsupported;
  const auto kind = kKinds.find({base->first, operations.size() - 1});
  if (kind == kKinds.end()) return kUnsupported;
  return {.cfa_kind = kind->second, .cfa_off = static_cast<int32_t>(base->second)};
}

struct Saved {
  uint8_t kind = UNWIND_SAVED_unknown;
  int16_t offset = 0;
};

Saved SavedFrom(uint8_t kind, int64_t offset) {
  return FitsOffset(offset) ? Saved{kind, static_cast<int16_t>(offset)} : Saved{};
}

class FrameView {
 public:
  explicit FrameView(Dwarf_Frame* frame) : frame_(frame) {}

  Saved SavedRegister(int column) {
    std::array<Dwarf_Op, 3> memory = {};
    Dwarf_Op* found = nullptr;
    size_t count = 0;
    if (dwarf_frame_register(frame_, column, memory.data(), &found, &count) != 0) return {};
    // elfutils 0.188 writes the number of rax where its comment says rbx, among the registers that
    // stay the same unless something is said of them: rbx comes out as undefined.
    const bool same = found == nullptr || column == DWARF_RBX;
    if (count == 0) return same ? Saved{UNWIND_SAVED_same} : Saved{};
    return SavedBy({found, count}, static_cast<uint64_t>(column));
  }

  enum class Return : uint8_t { kAtCfa, kInRdi, kUndefined, kOther };
  Return ReturnAddress(int column) {
    std::array<Dwarf_Op, 3> memory = {};
    Dwarf_Op* found = nullptr;
    size_t count = 0;
    if (dwarf_frame_register(frame_, column, memory.data(), &found, &count) != 0) {
      return Return::kOther;
    }
    if (count == 0) return found == nullptr ? Return::kOther : Return::kUndefined;
    const Saved saved = SavedBy({found, count}, DWARF_RIP);
    if (saved.kind == UNWIND_SAVED_at_cfa && saved.offset == -8) return Return::kAtCfa;
    const bool rdi = found->atom == DW_OP_regx && found->number == DWARF_RDI && count == 1;
    return rdi ? Return::kInRdi : Return::kOther;
  }

 private:
  static Saved SavedBy(Operations operations, uint64_t column) {
    const Dwarf_Op& first = operations.front();
    if (first.atom == DW_OP_regx && first.number == column) return {UNWIND_SAVED_same};
    if (first.atom != DW_OP_call_frame_cfa) return {};
    if (operations.size() == 1) return SavedFrom(UNWIND_SAVED_at_cfa, 0);
    if (operations.size() != 2) return {};
    if (operations[1].atom == DW_OP_plus_uconst) {
      return SavedFrom(UNWIND_SAVED_at_cfa, static_cast<int64_t>(operations[1].number));
    }
    const auto base = BaseRegister(operations[1]);
    if (!base) return {};
    if (base->first == DWARF_RBP) return SavedFrom(UNWIND_SAVED_at_rbp, base->second);
    if (base->first == DWARF_RSP) return SavedFrom(UNWIND_SAVED_at_rsp, base->second);
    return {};
  }

  Dwarf_Frame* frame_;
};

std::optional<unwind_rule> RuleOf(Dwarf_Frame* frame, int return_column, bool signal) {
  Dwarf_Op* operations = nullptr;
  size_t count = 0;
  if (dwarf_frame_cfa(frame, &operations, &count) != 0) return std::nullopt;
  unwind_rule rule = CfaOf({operations, count});
  if (signal && rule.cfa_kind == UNWIND_CFA_at_rsp && rule.cfa_off == SIGNAL_FRAME_RSP) {
    return unwind_rule{.cfa_kind = UNWIND_CFA_signal};
  }
  FrameView view(frame);
  const FrameView::Return return_address = view.ReturnAddress(return_column);
  if (return_address == FrameView::Return::kUndefined)
    return unwind_rule{.cfa_kind = UNWIND_CFA_end};
  if (return_address == FrameView::Return::kOther) return kUnsupported;
  if (rule.cfa_kind == UNWIND_CFA_unsupported) return kUnsupported;
  if (return_address == FrameView::Return::kInRdi) rule.return_kind = UNWIND_RETURN_in_rdi;
  const Saved rbp = view.SavedRegister(DWARF_RBP);
  const Saved rbx = view.SavedRegister(DWARF_RBX);
  rule.rbp_kind = rbp.kind;
  rule.rbp_off = rbp.offset;
  rule.rbx_kind = rbx.kind;
  rule.rbx_off = rbx.offset;
  return rule;
}

}  // namespace

std::optional<ElfutilsRules> ElfutilsRules::Open(const std::string& path) {
  elf_version(EV_CURRENT);
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ElfHandle elf(elf_begin(file.get(), ELF_C_READ_MMAP, nullptr), elf_end);
  if (elf == nullptr) return std::nullopt;
  CfiHandle cfi(dwarf_getcfi_elf(elf.get()), dwarf_cfi_end);
  if (cfi == nullptr) return std::nullopt;
  return ElfutilsRules(std::move(file), std::move(elf), std::move(cfi));
}

std::optional<ElfutilsRules::Row> ElfutilsRules::At(uint64_t vaddr) const {
  Dwarf_Frame* frame = nullptr;
  if (dwarf_cfi_addrframe(cfi_.get(), vaddr, &frame) != 0) return std::nullopt;
  Row row;
  bool signal = false;
  const int return_column = dwarf_frame_info(frame, &row.begin, &row.end, &signal);
  row.rule = RuleOf(frame, return_column, signal);
  std::free(frame);  // NOLINT: how elfutils hands it over
  return row;
}

}  // namespace waitscope::testing
