// Frames that every stack of a runtime, a C library or the kernel's entry has: they hide the ones
// that tell something. What they are is data, in plumbing.def.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace waitscope::cli {

enum class Plumbing : uint8_t {
  kNone,
  kEntry,        // how threads, calls and interpreters start: the same in every stack
  kWay,          // between a call and the wait it ends in: known from the call
  kInterpreter,  // code of an interpreter without a name: of use only where its functions are not
};

Plumbing PlumbingOf(absl::string_view symbol);

// "schedule_jobs (jobs.py:41)": a function of the program, named by its source.
bool HasSource(absl::string_view symbol);

}  // namespace waitscope::cli
