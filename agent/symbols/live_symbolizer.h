// The Symbolizer of a running machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/core/stack.h"
#include "agent/java/namer.h"
#include "agent/python/namer.h"
#include "agent/symbols/debug_fetcher.h"
#include "agent/symbols/demangle.h"
#include "agent/symbols/jit_symbols.h"
#include "agent/symbols/kallsyms.h"
#include "agent/symbols/module_loader.h"
#include "agent/symbols/name_cache.h"
#include "agent/symbols/process_table.h"

namespace waitscope {

// Names the frames of kernel and user stacks from /proc, ELF files and perf maps, also for
// processes that have exited meanwhile if Remember or Resolve saw them alive. For one thread.
//
// What a frame says when its function is unknown: `module` still names the mapping ("libc.so.6",
// "[jit]", "[kernel]"), with file offset and build id where there is a file; it is empty when
// nothing is mapped at the address. When the process was never seen alive the addresses mean
// nothing to anybody, and differ between processes for the same code, so the stack has no frames
// but the reason in `truncated`.
class LiveSymbolizer : public Symbolizer {
 public:
  struct Options {
    std::string proc_dir = "/proc";
    std::string kallsyms_path = "/proc/kallsyms";
    std::string host_root = "/";
    std::vector<std::string> debug_directories = {"/usr/lib/debug"};
    // For file indexes (three quarters) and perf maps. The kernel's own index, some 5 MiB, and
    // the mappings of up to `max_processes` come on top.
    size_t cache_bytes = 64 << 20;
    size_t max_processes = 4096;
    int64_t keep_unused_ns = 15LL * 60 * 1'000'000'000;
    int64_t reread_ns = 1'000'000'000;            // of JitSymbols::Options
    int64_t trust_ns = 0;                         // of ProcessTable::Options
    KnownMappings known_mappings;                 // of processes that have exited; may be empty
    KnownPythons known_pythons;                   // may be empty
    KeptNames kept_names;                         // may be empty
    KnownHotSpots known_hotspots;                 // may be empty
    std::shared_ptr<DebugFetcher> debug_fetcher;  // may be null: nobody is asked
    std::function<int64_t()> now_ns;              // monotonic; the system's own when empty
  };

  struct Stats {
    uint64_t lookups = 0;
    uint64_t misses = 0;  // frames left without a name
    uint64_t exited_stacks = 0;
    uint64_t files_indexed = 0;
    uint64_t files_unavailable = 0;  // mappings whose file could not be opened
    uint64_t maps_read = 0;
    uint64_t maps_failed = 0;
    uint64_t perf_map_lines_dropped = 0;
    uint64_t python_frames = 0;
    uint64_t python_frames_gone = 0;  // their code objects were gone before they were read
    size_t processes = 0;
    size_t cache_bytes = 0;
  };

  LiveSymbolizer() : LiveSymbolizer(Options()) {}
  explicit LiveSymbolizer(Options options);

  Stack Resolve(const RawStack& raw) override;
  // Grows when files got names: frames of files that had none are worth another try.
  uint64_t arrivals() const;

  // Reads the mappings of a process now, so that its stacks can be named after it exits. To be
  // called after exec and when the first stack of a process arrives.
  void Remember(uint32_t pid);

  // Why kernel functions stay unnamed, or OK. Reads the kernel's symbols if that was not done.
  absl::Status KernelSymbols();

  Stats stats() const;

 private:
  void TakeDebugFiles();
  void LoadKernelSymbols();
  std::optional<KernelSymbol> LookupKernel(uint64_t address);
  Frame ResolveKernel(uint64_t address, uint64_t lookup);
  void ShowPython(const RawStack& raw, const Process& process, Stack& stack);
  void ResolveUser(Process& process, uint64_t address, uint64_t lookup, std::vector<Frame>& frames);
  void NameFromFile(Process& process, CodeMapping& mapping, uint64_t lookup, Frame& frame);
  std::string NameIn(const CodeMapping& mapping, const ElfSymbols& symbols, uint64_t offset);
  void NameFromRunTime(const Process& process, uint64_t lookup, const Frame& frame,
                       std::vector<Frame>& frames);

  Options options_;
  Demangler demangler_;
  ProcessTable processes_;
  JitSymbols jit_;
  PythonNamer python_;
  HotSpotNamer hotspot_;
  ModuleLoader modules_;
  NameCache names_;
  uint64_t arrivals_taken_ = 0;
  std::optional<Kallsyms> kernel_;
  absl::Status kernel_status_;
  int64_t next_kernel_read_ns_ = INT64_MIN;
  uint64_t lookups_ = 0;
  uint64_t misses_ = 0;
  uint64_t exited_stacks_ = 0;
};

}  // namespace waitscope
