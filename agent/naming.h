// Names for the addresses of this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config.h"
#include "agent/core/stack.h"
#include "agent/java/namer.h"
#include "agent/os/process_maps.h"
#include "agent/python/namer.h"
#include "agent/symbols/debug_fetcher.h"

namespace waitscope {

struct Naming {
  std::shared_ptr<Symbolizer> symbolizer;
  // Reads a process while it lives. For the thread that resolves; empty for a recording.
  std::function<void(uint32_t pid)> remember;
  // Grows when files got names: see StackCache. Empty when they never do.
  std::function<uint64_t()> arrivals;
};

// Null unless servers are to be asked.
absl::StatusOr<std::shared_ptr<DebugFetcher>> OpenDebugFetcher(const Config& config);

// `known`: what the source knows of the mappings of processes that have just exited; `pythons`: of
// the CPython that a process runs; `kept`: of Python's functions; `hotspots`: of its HotSpot;
// `fetcher` may be null.
Naming NameLiveMachine(std::function<std::vector<Mapping>(uint32_t pid)> known,
                       KnownPythons pythons, KeptNames kept, KnownHotSpots hotspots,
                       std::shared_ptr<DebugFetcher> fetcher);

}  // namespace waitscope
