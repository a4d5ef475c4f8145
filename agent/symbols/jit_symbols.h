// Names of code that run times compile while they run, for all processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "agent/symbols/perf_map.h"
#include "agent/symbols/process_table.h"

namespace waitscope {

// Reads /tmp/perf-PID.map in each process's own root, by the id the process has in its own pid
// namespace. As perf does, takes only files of root or of the process's user.
class JitSymbols {
 public:
  struct Options {
    std::string proc_dir = "/proc";
    size_t max_bytes = 16 << 20;
    int64_t reread_ns = 1'000'000'000;
    // The least time between two reads for an address that is not in it; doubles while vain. Names
    // are asked for once a stack: what was compiled just before must be there.
    int64_t miss_reread_ns = 10'000'000;
  };

  JitSymbols(Options options, std::function<int64_t()> now_ns)
      : options_(std::move(options)), now_ns_(std::move(now_ns)) {}

  // Reads what the process's map gained, if the last look is long enough ago.
  void Refresh(const Process& process);
  // Looks again where the address may be of code that is younger than the last look. Empty when
  // unknown. Valid until the next call.
  std::string_view Lookup(const Process& process, uint64_t address);

  size_t bytes() const;
  uint64_t dropped_lines() const;

 private:
  struct Entry {
    uint32_t pid;
    uint64_t start_ticks;
    int64_t next_read_ns;
    int64_t next_miss_read_ns;
    int64_t miss_pause_ns;
    PerfMap map;
  };

  void Read(const Process& process, Entry& entry);

  Entry& Find(const Process& process);
  void Shrink();

  Options options_;
  std::function<int64_t()> now_ns_;
  std::list<Entry> entries_;  // most recently used first
};

}  // namespace waitscope
