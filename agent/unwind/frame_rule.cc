#include "agent/unwind/frame_rule.h"

#include <dwarf.h>

#include <array>
#include <limits>
#include <optional>

#include "agent/unwind/byte_reader.h"
#include "bpf/unwind/x86_64.h"

namespace waitscope {
namespace {

using Kind = RegisterState::Kind;

constexpr int64_t kReturnOffset = -8;  // where `call` leaves the return address

template <typename Integer>
bool Fits(int64_t value) {
  return value >= std::numeric_limits<Integer>::min() &&
         value <= std::numeric_limits<Integer>::max();
}

// An expression of the form "register + offset", the word there, or that word plus 8.
struct Place {
  enum class Form : uint8_t { kAddress, kWord, kWordPlus8 };
  uint64_t column = 0;
  int64_t offset = 0;
  Form form = Form::kAddress;
};

std::optional<Place> PlaceOf(std::span<const uint8_t> expression) {
  ByteReader reader(expression);
  const uint8_t code = reader.Byte();
  if (code < DW_OP_breg0 || code > DW_OP_breg31) return std::nullopt;
  Place place = {.column = static_cast<uint64_t>(code - DW_OP_breg0), .offset = reader.Signed()};
  if (!reader.done()) {
    if (reader.Byte() != DW_OP_deref) return std::nullopt;
    place.form = Place::Form::kWord;
  }
  if (!reader.done()) {
    if (reader.Byte() != DW_OP_plus_uconst || reader.Unsigned() != 8) return std::nullopt;
    place.form = Place::Form::kWordPlus8;
  }
  return reader.ok() && reader.done() ? std::optional(place) : std::nullopt;
}

bool IsSignalFrame(const CfaState& cfa) {
  const std::optional<Place> place = PlaceOf(cfa.expression);
  return place && place->form == Place::Form::kWord && place->column == DWARF_RSP &&
         place->offset == SIGNAL_FRAME_RSP;
}

// rsp + 8 + ((rip & 15) >= N) * 8, as every linker writes it for its .plt. Returns N.
std::optional<int32_t> PltThreshold(std::span<const uint8_t> expression) {
  constexpr std::array<uint8_t, 11> kLinkersPlt = {
      DW_OP_breg7, 8,        DW_OP_breg16, 0,         DW_OP_lit15, DW_OP_and,
      0,           DW_OP_ge, DW_OP_lit3,   DW_OP_shl, DW_OP_plus};
  constexpr size_t kThresholdAt = 6;
  if (expression.size() != kLinkersPlt.size()) return std::nullopt;
  for (size_t i = 0; i < kLinkersPlt.size(); ++i) {
    if (i != kThresholdAt && expression[i] != kLinkersPlt[i]) return std::nullopt;
  }
  const uint8_t threshold = expression[kThresholdAt];
  if (threshold < DW_OP_lit0 || threshold > DW_OP_lit15) return std::nullopt;
  return threshold - DW_OP_lit0;
}

std::optional<unwind_cfa_kind> CfaKindOf(const Place& place) {
  using Form = Place::Form;
  struct Known {
    dwarf_register column;
    Form form;
    unwind_cfa_kind kind;
  };
  constexpr std::array kKnown = {Known{DWARF_RSP, Form::kAddress, UNWIND_CFA_rsp},
                                 Known{DWARF_RBP, Form::kAddress, UNWIND_CFA_rbp},
                                 Known{DWARF_RBX, Form::kAddress, UNWIND_CFA_rbx},
                                 Known{DWARF_RSP, Form::kWord, UNWIND_CFA_at_rsp},
                                 Known{DWARF_RBP, Form::kWord, UNWIND_CFA_at_rbp},
                                 Known{DWARF_RSP, Form::kWordPlus8, UNWIND_CFA_above_at_rsp}};
  for (const Known& known : kKnown) {
    if (place.column == known.column && place.form == known.form) return known.kind;
  }
  return std::nullopt;
}

// False: no kind carries it.
bool SetCfa(const Place& place, unwind_rule& rule) {
  const std::optional<unwind_cfa_kind> kind = CfaKindOf(place);
  if (!kind || !Fits<int32_t>(place.offset)) return false;
  rule.cfa_kind = *kind;
  rule.cfa_off = static_cast<int32_t>(place.offset);
  return true;
}

bool SetCfa(const CfaState& cfa, unwind_rule& rule) {
  if (!cfa.valid) return false;
  if (cfa.expression.empty())
    return SetCfa(Place{.column = cfa.column, .offset = cfa.offset}, rule);
  if (const auto threshold = PltThreshold(cfa.expression)) {
    rule = PltRule(*threshold);
    return true;
  }
  const std::optional<Place> place = PlaceOf(cfa.expression);
  return place && SetCfa(*place, rule);
}

bool SetReturn(const RegisterState& rip, unwind_rule& rule) {
  if (rip.kind == Kind::kRegister && rip.value == DWARF_RDI) {
    rule.return_kind = UNWIND_RETURN_in_rdi;
    return true;
  }
  return rip.kind == Kind::kOffset && rip.value == kReturnOffset;
}

struct Saved {
  unwind_saved_kind kind = UNWIND_SAVED_unknown;
  int16_t offset = 0;
};

Saved SavedAt(unwind_saved_kind kind, int64_t offset) {
  return Fits<int16_t>(offset) ? Saved{kind, static_cast<int16_t>(offset)} : Saved{};
}

Saved SavedOf(const RegisterState& state, uint64_t column) {
  switch (state.kind) {
    case Kind::kUnset:
    case Kind::kSame:
      return {UNWIND_SAVED_same};
    case Kind::kRegister:
      return {static_cast<uint64_t>(state.value) == column ? UNWIND_SAVED_same
                                                           : UNWIND_SAVED_unknown};
    case Kind::kOffset:
      return SavedAt(UNWIND_SAVED_at_cfa, state.value);
    case Kind::kExpression: {
      const std::optional<Place> place = PlaceOf(state.expression);
      if (!place || place->form != Place::Form::kAddress) return {};
      if (place->column == DWARF_RBP) return SavedAt(UNWIND_SAVED_at_rbp, place->offset);
      if (place->column == DWARF_RSP) return SavedAt(UNWIND_SAVED_at_rsp, place->offset);
      return {};
    }
    default:
      return {};
  }
}

void SetSaved(const FrameState& state, unwind_rule& rule) {
  const Saved rbp = SavedOf(state.rbp, DWARF_RBP);
  const Saved rbx = SavedOf(state.rbx, DWARF_RBX);
  rule.rbp_kind = rbp.kind;
  rule.rbp_off = rbp.offset;
  rule.rbx_kind = rbx.kind;
  rule.rbx_off = rbx.offset;
}

}  // namespace

unwind_rule RuleOf(const FrameState& state, bool signal) {
  if (signal && IsSignalFrame(state.cfa)) return {.cfa_kind = UNWIND_CFA_signal};
  if (state.rip.kind == Kind::kUndefined) return EndRule();
  unwind_rule rule = {};
  if (!SetCfa(state.cfa, rule) || !SetReturn(state.rip, rule)) return UnsupportedRule();
  SetSaved(state, rule);
  return rule;
}

unwind_rule NoRule() { return {.cfa_kind = UNWIND_CFA_none}; }
unwind_rule EndRule() { return {.cfa_kind = UNWIND_CFA_end}; }
unwind_rule UnsupportedRule() { return {.cfa_kind = UNWIND_CFA_unsupported}; }

unwind_rule StackRule(int32_t offset) { return {.cfa_kind = UNWIND_CFA_rsp, .cfa_off = offset}; }

unwind_rule PltRule(int32_t threshold) {
  return {.cfa_kind = UNWIND_CFA_plt, .cfa_off = threshold};
}

}  // namespace waitscope
