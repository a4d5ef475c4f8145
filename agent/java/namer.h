// Names of Java's methods, compiled and interpreted, read from the process that runs them: nobody
// has to have asked the JVM for a map of its code.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/java/layout.h"
#include "agent/os/process_memory.h"

namespace waitscope {

// The HotSpot that a process runs; nothing when it runs none that is known, or is gone.
using KnownHotSpots = std::function<std::optional<HotSpotLayout>(uint32_t pid)>;

// "java.lang.Thread.run" of the Method at this address, or "" when there is none (any more).
std::string NameOfMethod(const HotSpotLayout& layout, uint64_t method, const ReadMemory& read);

// Of the method that was compiled to the code at `pc`, or what HotSpot calls a stub there.
// Innermost first where methods were inlined; none when nothing lies there.
std::vector<std::string> NamesOfCode(const HotSpotLayout& layout, uint64_t pc,
                                     const ReadMemory& read);

class HotSpotNamer {
 public:
  // `known` may be empty.
  explicit HotSpotNamer(KnownHotSpots known) : known_(std::move(known)) {}

  // Of an address of a stack (bpf/unwind/hotspot.h): a Method, or code one byte into the call.
  // The functions there, innermost first; none when the process is none of Java's, or is gone.
  std::vector<std::string> Lookup(uint32_t pid, uint64_t address);

 private:
  KnownHotSpots known_;
};

}  // namespace waitscope
