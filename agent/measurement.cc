#include "agent/measurement.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/source/live_source.h"
#include "agent/source/replay_source.h"

namespace waitscope {
namespace {

std::vector<CapabilityRow> Rows(const std::vector<CapabilityReport>& reports) {
  std::vector<CapabilityRow> rows;
  rows.reserve(reports.size());
  for (const CapabilityReport& report : reports) {
    rows.push_back({report.name, report.present, report.detail});
  }
  return rows;
}

std::vector<ProgramRow> Rows(const std::vector<ProgramReport>& programs) {
  std::vector<ProgramRow> rows;
  rows.reserve(programs.size());
  for (const ProgramReport& program : programs) {
    rows.push_back({program.name, program.attach, program.attached, program.run_count,
                    program.run_ns, program.recursion_misses});
  }
  return rows;
}

absl::StatusOr<Measurement> OpenReplay(const std::string& path) {
  absl::StatusOr<std::unique_ptr<ReplaySource>> opened = ReplaySource::Open(path);
  if (!opened.ok()) return absl::UnavailableError(opened.status().message());
  const std::shared_ptr<ReplaySource> source = *std::move(opened);
  Measurement measurement;
  // The names live in the source: both pointers keep it.
  measurement.naming.symbolizer = std::shared_ptr<Symbolizer>(source, &source->symbols());
  measurement.source = source;
  return measurement;
}

// What came of asking servers, and what is wrong with them first: a terminal cuts the rest.
CapabilityRow RowOf(const DebugFetcher::Stats& stats) {
  const std::string counts =
      absl::StrFormat("%d found (%d KiB), %d missing, %d failed, %d waiting", stats.found,
                      stats.bytes >> 10, stats.missing, stats.failed, stats.waiting);
  if (stats.failing) return {"debug files", false, absl::StrCat(stats.last_failure, "; ", counts)};
  if (stats.last_failure.empty()) return {"debug files", true, counts};
  return {"debug files", true, absl::StrCat(counts, "; last failure: ", stats.last_failure)};
}

absl::StatusOr<Measurement> OpenLive(const Config& config) {
  absl::StatusOr<std::unique_ptr<LiveSource>> opened = LiveSource::Open(LiveOptionsFrom(config));
  if (!opened.ok()) return opened.status();
  const std::shared_ptr<LiveSource> source = *std::move(opened);
  absl::StatusOr<std::shared_ptr<DebugFetcher>> fetching = OpenDebugFetcher(config);
  if (!fetching.ok()) return fetching.status();
  const std::shared_ptr<DebugFetcher> fetcher = *std::move(fetching);
  Measurement measurement;
  measurement.source = source;
  measurement.naming = NameLiveMachine(
      [source](uint32_t pid) { return source->MappingsOf(pid); },
      [source](uint32_t pid) { return source->PythonOf(pid); },
      [source](CodeCache::Life life, uint64_t code) { return source->PythonNameOf(life, code); },
      [source](uint32_t pid) { return source->HotSpotOf(pid); }, fetcher);
  measurement.capabilities = [source, fetcher] {
    std::vector<CapabilityRow> rows = Rows(source->capabilities());
    if (fetcher) rows.push_back(RowOf(fetcher->stats()));
    return rows;
  };
  measurement.programs = [source] { return Rows(source->programs()); };
  return measurement;
}

}  // namespace

LiveOptions LiveOptionsFrom(const Config& config) {
  LiveOptions options;
  options.window_ns = config.window_ns;
  options.sample_period_ns = config.period_ns;
  options.max_samples = config.max_samples;
  options.ring_bytes = config.ring_bytes;
  options.cpu_hz = config.cpu_hz;
  options.unwind_tables = config.user_stacks == "tables";
  options.agent_version = WAITSCOPE_VERSION;
  return options;
}

absl::StatusOr<Measurement> OpenMeasurement(const Config& config) {
  return config.replay.empty() ? OpenLive(config) : OpenReplay(config.replay);
}

}  // namespace waitscope
