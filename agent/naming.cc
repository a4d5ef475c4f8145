#include "agent/naming.h"

#include <utility>

#include "agent/symbols/live_symbolizer.h"

namespace waitscope {

Naming NameLiveMachine(std::function<std::vector<Mapping>(uint32_t pid)> known,
                       KnownPythons pythons, KeptNames kept, KnownHotSpots hotspots) {
  LiveSymbolizer::Options options;
  options.trust_ns = 50'000'000;
  options.known_mappings = std::move(known);
  options.known_pythons = std::move(pythons);
  options.kept_names = std::move(kept);
  options.known_hotspots = std::move(hotspots);
  const auto symbolizer = std::make_shared<LiveSymbolizer>(std::move(options));
  return {.symbolizer = symbolizer,
          .remember = [symbolizer](uint32_t pid) { symbolizer->Remember(pid); }};
}

}  // namespace waitscope
