// Names for the addresses of this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "agent/core/stack.h"
#include "agent/java/namer.h"
#include "agent/os/process_maps.h"
#include "agent/python/namer.h"

namespace waitscope {

struct Naming {
  std::shared_ptr<Symbolizer> symbolizer;
  // Reads a process while it lives. For the thread that resolves; empty for a recording.
  std::function<void(uint32_t pid)> remember;
};

// `known`: what the source knows of the mappings of processes that have just exited; `pythons`: of
// the CPython that a process runs; `kept`: of Python's functions; `hotspots`: of its HotSpot.
Naming NameLiveMachine(std::function<std::vector<Mapping>(uint32_t pid)> known,
                       KnownPythons pythons, KeptNames kept, KnownHotSpots hotspots);

}  // namespace waitscope
