// From a state of call frame information to the 12 bytes that both unwinders read.
#pragma once

#include "agent/unwind/frame_program.h"
#include "bpf/unwind/table.h"

namespace waitscope {

// States that mean the same give the same rule, whatever form they came in. What a rule cannot
// express is `unsupported` as a whole, or `unknown` for one register.
unwind_rule RuleOf(const FrameState& state, bool signal);

// The rules that every dictionary begins with.
unwind_rule NoRule();
unwind_rule EndRule();
unwind_rule UnsupportedRule();

// CFA = rsp + offset, the other registers untouched: what code that only moves rsp looks like.
unwind_rule StackRule(int32_t offset);
// An entry of a procedure linkage table whose push ends `threshold` bytes into its 16.
unwind_rule PltRule(int32_t threshold);

}  // namespace waitscope
