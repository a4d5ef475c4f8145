#include "agent/naming.h"

#include <utility>

#include "agent/symbols/debug_store.h"
#include "agent/symbols/debuginfod.h"
#include "agent/symbols/live_symbolizer.h"

namespace waitscope {

absl::StatusOr<std::shared_ptr<DebugFetcher>> OpenDebugFetcher(const Config& config) {
  if (config.debuginfod.empty()) return nullptr;
  absl::StatusOr<DebugStore> store =
      DebugStore::Open(config.debuginfod_cache + "/debuginfod", config.debuginfod_bytes);
  if (!store.ok()) return store.status();
  absl::StatusOr<DebugFetcher::Fetch> fetch =
      OpenDebuginfod({.servers = config.debuginfod,
                      .directory = store->directory() + "/download",
                      .max_file_bytes = store->max_file_bytes()});
  if (!fetch.ok()) return fetch.status();
  return std::make_shared<DebugFetcher>(*std::move(store), *std::move(fetch),
                                        DebugFetcher::Options());
}

Naming NameLiveMachine(std::function<std::vector<Mapping>(uint32_t pid)> known,
                       KnownPythons pythons, KeptNames kept, KnownHotSpots hotspots,
                       std::shared_ptr<DebugFetcher> fetcher) {
  LiveSymbolizer::Options options;
  options.trust_ns = 50'000'000;
  options.known_mappings = std::move(known);
  options.known_pythons = std::move(pythons);
  options.kept_names = std::move(kept);
  options.known_hotspots = std::move(hotspots);
  options.debug_fetcher = std::move(fetcher);
  const auto symbolizer = std::make_shared<LiveSymbolizer>(std::move(options));
  return {.symbolizer = symbolizer,
          .remember = [symbolizer](uint32_t pid) { symbolizer->Remember(pid); },
          .arrivals = [symbolizer] { return symbolizer->arrivals(); }};
}

}  // namespace waitscope
