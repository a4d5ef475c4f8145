// What is known of the processes whose stacks are to be named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/os/file_access.h"
#include "agent/os/process_maps.h"

namespace waitscope {

// A file that was once opened through a mapping: what it held, and which build it is.
struct ModuleIdentity {
  FileKey key;
  std::string build_id;
};

struct CodeMapping {
  Mapping mapping;
  std::shared_ptr<const ModuleIdentity> module;  // null until the file was opened
  bool unavailable = false;                      // it cannot be opened: do not try again
};

// One life of a process id: the id and the start time together name it.
struct Process {
  uint32_t pid = 0;
  uint64_t start_ticks = 0;
  bool live = true;
  std::vector<CodeMapping> mappings;  // sorted by start
  // No longer mapped (dlclose, exec), not covered by what is: stacks may still point there.
  std::vector<CodeMapping> former;
  int64_t last_used_ns = 0;
  int64_t seen_live_ns = 0;
  int64_t next_read_ns = 0;
  int64_t read_pause_ns = 0;

  CodeMapping* Find(uint64_t address);
  size_t Covered(std::span<const uint64_t> addresses);
  void Replace(std::vector<Mapping> fresh);
};

using KnownMappings = std::function<std::vector<Mapping>(uint32_t pid)>;

// Reads mappings from /proc and keeps them after the process is gone, within bounds.
class ProcessTable {
 public:
  struct Options {
    std::string proc_dir = "/proc";
    size_t max_processes = 4096;
    size_t max_mappings = 128 << 10;             // over all processes
    size_t max_mappings_per_process = 16 << 10;  // executable ones
    int64_t keep_unused_ns = 15LL * 60 * 1'000'000'000;
    // The least time between two reads for addresses nothing covers; doubles while useless. Names
    // are asked for once a stack, and compilers map memory for code as they need it.
    int64_t reread_ns = 10'000'000;
    // For so long a process that was seen alive is taken to be: a number comes again only after all
    // others have.
    int64_t trust_ns = 0;
    // What else is known of a process that has exited before /proc could be read; may be empty.
    KnownMappings known_mappings;
  };
  struct Stats {
    uint64_t maps_read = 0;
    uint64_t maps_failed = 0;       // gone, or no permission
    uint64_t mappings_dropped = 0;  // more than a process may have
  };

  ProcessTable(Options options, std::function<int64_t()> now_ns)
      : options_(std::move(options)), now_ns_(std::move(now_ns)) {}

  // Reads the mappings of `pid` now. Null when it is gone or may not be read.
  Process* Remember(uint32_t pid);
  // The life of `pid` that the addresses came from: of the lives known, the one whose code
  // covers most of them, the newest in doubt. Null when none was ever read.
  Process* Select(uint32_t pid, std::span<const uint64_t> addresses);

  size_t size() const { return processes_.size(); }
  const Stats& stats() const { return stats_; }

 private:
  using Lives = std::vector<std::list<Process>::iterator>;  // oldest first

  std::optional<uint64_t> ReadStartTicks(uint32_t pid) const;
  std::string ReadMapsText(uint32_t pid) const;
  std::optional<std::vector<Mapping>> ReadMaps(uint32_t pid, uint64_t start_ticks);
  bool SeenLately(const Process& process) const;
  Process* FindLive(uint32_t pid);
  void Recall(uint32_t pid, std::span<const uint64_t> addresses);
  Process* Add(uint32_t pid, uint64_t start_ticks, std::vector<Mapping> mappings);
  void Reread(Process& process, std::span<const uint64_t> addresses);
  void Touch(std::list<Process>::iterator process);
  void Shrink();
  void Forget(std::list<Process>::iterator process);

  Options options_;
  std::function<int64_t()> now_ns_;
  Stats stats_;
  size_t mappings_ = 0;
  std::list<Process> processes_;  // most recently used first
  absl::flat_hash_map<uint32_t, Lives> lives_;
};

}  // namespace waitscope
