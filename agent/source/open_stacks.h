// The user stacks of waits that have lasted long and are not over: nothing in the kernel takes
// them, since the threads neither leave nor get a CPU. Each is read once, from the process itself.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/snapshot.h"
#include "bpf/unwind/capture.h"

namespace waitscope {

// What was found of one waiting thread. It holds only if the wait has lasted until after.
struct OpenStack {
  waiting_thread waiting;
  stack_event stack;
};

class OpenStacks {
 public:
  // Those to be read, the longest waits first and not more than are read in some 20 ms. Waits that
  // are not among `waiting` are over, and forgotten.
  std::vector<waiting_thread> Unread(std::vector<waiting_thread> waiting);
  void Add(OpenStack found);
  // The identity of the stack of the wait that a ledger, read after the stack, tells to be still
  // open; 0 when it is not known. Its addresses are told once a generation.
  uint64_t StackOf(const ledger_event& reading, uint32_t generation,
                   absl::FunctionRef<void(const Event&)> fold);

 private:
  struct Known {
    uint64_t since_ns = 0;
    int tries = 0;
    uint64_t again_at = 0;  // turn
    bool told = false;
    uint32_t told_generation = 0;
    uint64_t id = 0;
    uint8_t stack_class = 0;
    uint8_t stop = 0;
    uint16_t count = 0;
    std::vector<uint64_t> words;  // so many addresses, and the Python frames behind them
  };

  static stack_event EventOf(uint32_t pid, const Known& known);
  bool IsRead(const waiting_thread& waiting) const;

  std::map<ThreadKey, Known> known_;
  uint64_t turn_ = 0;
};

}  // namespace waitscope
