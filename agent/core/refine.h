// What only resolved stacks can tell: the class of a wait the kernel side had no word for, and
// whether an interrupt that ended a wait ran in the waker's own call. The ledgers' totals keep the
// class decided at the switch-out.
#pragma once

#include <string_view>

#include "agent/core/snapshot.h"

namespace waitscope {

// The class of a wait with this kernel stack.
wait_class RefineClass(wait_class cls, const Stack& kernel_stack);

// What woke: an interrupt as its stack shows it. WAKER_interrupt stays when the stack is unknown.
waker_context RefineContext(waker_context context, const Stack& waker_kernel_stack);

// Whether a system call of the thread itself ran the softirq (loopback network), so that the
// thread is the waker and no bystander.
bool RanInOwnCall(const Stack& waker_kernel_stack);

// Takes the frames of the measuring programs themselves off the leaf of a kernel stack.
void TrimProbeFrames(Stack& kernel_stack);

// Applies all three to the samples of a snapshot whose stacks are resolved. Bystanders of
// interrupts lose their name.
void Refine(Snapshot& snapshot);

}  // namespace waitscope
