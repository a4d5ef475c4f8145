// Runs the programs of call frame information (DWARF 5, section 6.4.2), for the registers that
// unwinding follows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "agent/unwind/frame_records.h"

namespace waitscope {

struct RegisterState {
  enum class Kind : uint8_t {
    kUnset,  // nothing was said: unchanged, for those that a callee must save
    kUndefined,
    kSame,
    kOffset,       // saved at CFA + value
    kValueOffset,  // is CFA + value
    kRegister,     // in register `value`
    kExpression,   // saved where the expression says
    kValueExpression
  };
  Kind kind = Kind::kUnset;
  int64_t value = 0;
  std::span<const uint8_t> expression;
};

struct CfaState {
  uint64_t column = 0;
  int64_t offset = 0;
  std::span<const uint8_t> expression;  // when not empty, instead of column and offset
  bool valid = false;
};

struct FrameState {
  CfaState cfa;
  RegisterState rbp;
  RegisterState rbx;
  RegisterState rip;
};

// What the programs of one CIE and of its FDEs have in common.
struct FrameContext {
  const CommonRecord* common = nullptr;
  PointerBases bases;
  FrameState initial;
};

// Runs the CIE's own program. False: it cannot be read, and nothing that refers to it.
bool RunCommonProgram(const CommonRecord& common, const PointerBases& bases, FrameContext& context);

// Calls `row` for each address from which on a state holds, ascending, within the range. Where the
// program cannot be read any further, the rest has a state without a CFA.
void RunRangeProgram(const FrameContext& context, const RangeRecord& range,
                     absl::FunctionRef<void(uint64_t address, const FrameState& state)> row);

}  // namespace waitscope
