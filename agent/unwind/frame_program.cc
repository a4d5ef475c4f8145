#include "agent/unwind/frame_program.h"

#include <dwarf.h>

#include <optional>
#include <utility>

#include "bpf/unwind/x86_64.h"

namespace waitscope {
namespace {

using Kind = RegisterState::Kind;
using Row = absl::FunctionRef<void(uint64_t address, const FrameState& state)>;

// Compilers nest two or three of them.
constexpr size_t kMaxRemembered = 64;

// The two high bits of an instruction that carries its operand in the others.
constexpr uint8_t kInstructionBits = 0xc0;
constexpr uint8_t kOperandBits = 0x3f;

// Wraps around instead of overflowing: hostile numbers give wrong rows, nothing worse.
int64_t Product(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

class Program {
 public:
  Program(const FrameContext& context, std::span<const uint8_t> bytes, uint64_t bytes_address,
          uint64_t begin)
      : common_(*context.common),
        bases_{.section = bytes_address, .data = context.bases.data},
        initial_(context.initial),
        state_(context.initial),
        reader_(bytes),
        address_(begin) {}

  // False: an instruction that cannot be read.
  bool Run(uint64_t end, Row row) {
    while (!reader_.done() && address_ < end) {
      const std::optional<uint64_t> next = Execute();
      if (!next) {
        row(address_, FrameState{});
        return false;
      }
      if (*next == address_) continue;
      row(address_, state_);
      address_ = *next;
    }
    if (address_ < end) row(address_, state_);
    return true;
  }

  const FrameState& state() const { return state_; }

 private:
  // Executes one instruction. Returns where the next row begins; nothing when it cannot be read.
  std::optional<uint64_t> Execute() {
    const uint8_t code = reader_.Byte();
    const uint8_t operand = code & kOperandBits;
    switch (code & kInstructionBits) {
      case DW_CFA_advance_loc:
        return Advance(operand);
      case DW_CFA_offset:
        Set(operand, Kind::kOffset, Product(Operand(), common_.data_alignment));
        return Done(reader_.ok());
      case DW_CFA_restore:
        Restore(operand);
        return address_;
      default:
        return ExecuteExtended(code);
    }
  }

  std::optional<uint64_t> ExecuteExtended(uint8_t code) {
    switch (code) {
      case DW_CFA_nop:
        return address_;
      case DW_CFA_set_loc:
        return SetLocation();
      case DW_CFA_advance_loc1:
        return Advance(reader_.Byte());
      case DW_CFA_advance_loc2:
        return Advance(reader_.Fixed<uint16_t>());
      case DW_CFA_advance_loc4:
        return Advance(reader_.Fixed<uint32_t>());
      case DW_CFA_MIPS_advance_loc8:
        return Advance(reader_.Fixed<uint64_t>());
      case DW_CFA_GNU_args_size:
        reader_.Unsigned();
        return Done(reader_.ok());
      case DW_CFA_remember_state:
        return Remember();
      case DW_CFA_restore_state:
        return Recall();
      default:
        return Done((ExecuteCfa(code) || ExecuteRegister(code)) && reader_.ok());
    }
  }

  // False: not one of these.
  bool ExecuteCfa(uint8_t code) {
    switch (code) {
      case DW_CFA_def_cfa: {
        const uint64_t column = reader_.Unsigned();
        return DefineCfa(column, Operand());
      }
      case DW_CFA_def_cfa_sf: {
        const uint64_t column = reader_.Unsigned();
        return DefineCfa(column, Product(reader_.Signed(), common_.data_alignment));
      }
      case DW_CFA_def_cfa_register:
        return DefineCfa(reader_.Unsigned(), state_.cfa.offset);
      case DW_CFA_def_cfa_offset:
        return DefineCfa(state_.cfa.column, Operand());
      case DW_CFA_def_cfa_offset_sf:
        return DefineCfa(state_.cfa.column, Product(reader_.Signed(), common_.data_alignment));
      case DW_CFA_def_cfa_expression:
        state_.cfa.expression = reader_.Take(reader_.Unsigned());
        state_.cfa.valid = !state_.cfa.expression.empty();
        return true;
      default:
        return false;
    }
  }

  bool ExecuteRegister(uint8_t code) {
    const uint64_t column = reader_.Unsigned();
    switch (code) {
      case DW_CFA_offset_extended:
        return Set(column, Kind::kOffset, Product(Operand(), common_.data_alignment));
      case DW_CFA_offset_extended_sf:
        return Set(column, Kind::kOffset, Product(reader_.Signed(), common_.data_alignment));
      case DW_CFA_GNU_negative_offset_extended:
        return Set(column, Kind::kOffset, Product(Product(Operand(), common_.data_alignment), -1));
      case DW_CFA_val_offset:
        return Set(column, Kind::kValueOffset, Product(Operand(), common_.data_alignment));
      case DW_CFA_val_offset_sf:
        return Set(column, Kind::kValueOffset, Product(reader_.Signed(), common_.data_alignment));
      case DW_CFA_restore_extended:
        return Restore(column);
      case DW_CFA_undefined:
        return Set(column, Kind::kUndefined, 0);
      case DW_CFA_same_value:
        return Set(column, Kind::kSame, 0);
      case DW_CFA_register:
        return Set(column, Kind::kRegister, Operand());
      case DW_CFA_expression:
        return SetExpression(column, Kind::kExpression);
      case DW_CFA_val_expression:
        return SetExpression(column, Kind::kValueExpression);
      default:
        return false;
    }
  }

  std::optional<uint64_t> Done(bool good) const {
    return good ? std::optional(address_) : std::nullopt;
  }

  int64_t Operand() { return static_cast<int64_t>(reader_.Unsigned()); }

  std::optional<uint64_t> Advance(uint64_t delta) {
    uint64_t next = 0;
    const bool overflows = __builtin_mul_overflow(delta, common_.code_alignment, &next) ||
                           __builtin_add_overflow(next, address_, &next);
    return overflows || !reader_.ok() ? std::nullopt : std::optional(next);
  }

  std::optional<uint64_t> SetLocation() {
    const auto next = ReadPointer(reader_, common_.pointer_encoding, bases_);
    return next && *next >= address_ ? next : std::nullopt;
  }

  std::optional<uint64_t> Remember() {
    if (remembered_.size() >= kMaxRemembered) return std::nullopt;
    remembered_.push_back(state_);
    return address_;
  }

  std::optional<uint64_t> Recall() {
    if (remembered_.empty()) return std::nullopt;
    state_ = remembered_.back();
    remembered_.pop_back();
    return address_;
  }

  // A register alone, after an expression, goes with the offset from before it: libgcrypt's
  // assembly relies on what libgcc does.
  bool DefineCfa(uint64_t column, int64_t offset) {
    state_.cfa = {.column = column, .offset = offset, .valid = true};
    return true;
  }

  // The register's part of a state; null for those that unwinding does not follow.
  template <typename State>
  auto* Find(State& state, uint64_t column) const {
    if (column == DWARF_RBP) return &state.rbp;
    if (column == DWARF_RBX) return &state.rbx;
    return column == common_.return_column ? &state.rip : nullptr;
  }

  bool Set(uint64_t column, Kind kind, int64_t value) {
    RegisterState* const found = Find(state_, column);
    if (found != nullptr) *found = {.kind = kind, .value = value};
    return true;
  }

  bool SetExpression(uint64_t column, Kind kind) {
    const auto expression = reader_.Take(reader_.Unsigned());
    RegisterState* const found = Find(state_, column);
    if (found != nullptr) *found = {.kind = kind, .expression = expression};
    return true;
  }

  bool Restore(uint64_t column) {
    RegisterState* const found = Find(state_, column);
    if (found != nullptr) *found = *Find(initial_, column);
    return true;
  }

  const CommonRecord& common_;
  PointerBases bases_;
  const FrameState& initial_;
  FrameState state_;
  ByteReader reader_;
  uint64_t address_;
  std::vector<FrameState> remembered_;
};

}  // namespace

bool RunCommonProgram(const CommonRecord& common, const PointerBases& bases,
                      FrameContext& context) {
  context = {.common = &common, .bases = bases};
  FrameContext blank = context;
  Program program(blank, common.program, bases.section, 0);
  if (!program.Run(1, [](uint64_t /*address*/, const FrameState& /*state*/) {})) return false;
  context.initial = program.state();
  return true;
}

void RunRangeProgram(const FrameContext& context, const RangeRecord& range, Row row) {
  Program(context, range.program, range.program_address, range.begin).Run(range.end, row);
}

}  // namespace waitscope
