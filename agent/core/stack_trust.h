// How far user stacks can be trusted: in words, and in time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "agent/core/snapshot.h"

namespace waitscope {

// "late-live"
std::string_view TrustWord(unwind_class trust);
// Why a truncated stack ends where it ends: "no unwind table for a file".
std::string_view StopText(unwind_stop stop);

// Time off the CPU by the class of its user stack: estimates, as samples are. Waits still open
// are left out, since their stacks are not taken yet, and so are kernel threads, which have none.
using TrustedTime = std::array<double, UNWIND_CLASS_COUNT>;

TrustedTime StackTime(const Snapshot& snapshot);
std::map<uint32_t, TrustedTime> StackTimeByProcess(const Snapshot& snapshot);

// What is to be shown of a stack beyond its named frames.
void ApplyTrust(const RawStack& raw, Stack& stack);

}  // namespace waitscope
