#include "agent/symbols/live_symbolizer.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/core/printable.h"

namespace waitscope {
namespace {

constexpr size_t kMaxNames = 16384;  // some 2 MB
// Reading kallsyms costs some 50 ms of CPU; modules and BPF programs seldom come and go.
constexpr int64_t kKernelRereadNs = 60'000'000'000;

int64_t MonotonicNs() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

LiveSymbolizer::Options Completed(LiveSymbolizer::Options options) {
  if (!options.now_ns) options.now_ns = MonotonicNs;
  if (options.debug_fetcher) {
    options.debug_directories.push_back(options.debug_fetcher->directory());
  }
  return options;
}

// Executable memory without a file is a run time's code, whatever it calls the mapping.
bool IsAnonymous(const Mapping& mapping) {
  const std::string_view path = mapping.path;
  return mapping.inode == 0 && (path.empty() || path[0] != '[' || path.starts_with("[anon") ||
                                path == "[heap]" || path.starts_with("[stack"));
}

// Run times that map their code twice (.NET, some JVMs) do so through a memfd or shared memory.
bool MayBeJit(const Mapping& mapping) {
  return IsAnonymous(mapping) || mapping.path.starts_with("/memfd:") ||
         mapping.path.starts_with("/dev/zero");
}

std::string ModuleName(const Mapping& mapping) {
  if (IsAnonymous(mapping)) return "[jit]";
  return Printable(std::string_view(mapping.path).substr(mapping.path.rfind('/') + 1));
}

}  // namespace

LiveSymbolizer::LiveSymbolizer(Options options)
    : options_(Completed(std::move(options))),
      processes_({.proc_dir = options_.proc_dir,
                  .max_processes = options_.max_processes,
                  .keep_unused_ns = options_.keep_unused_ns,
                  .trust_ns = options_.trust_ns,
                  .known_mappings = options_.known_mappings},
                 options_.now_ns),
      jit_({.proc_dir = options_.proc_dir,
            .max_bytes = options_.cache_bytes / 4,
            .reread_ns = options_.reread_ns},
           options_.now_ns),
      python_(options_.known_pythons, options_.kept_names, options_.cache_bytes / 8),
      hotspot_(options_.known_hotspots),
      modules_({.proc_dir = options_.proc_dir,
                .host_root = options_.host_root,
                .debug_directories = options_.debug_directories,
                .cache_bytes = options_.cache_bytes / 4 * 3}),
      names_(kMaxNames) {}

uint64_t LiveSymbolizer::arrivals() const {
  return options_.debug_fetcher ? options_.debug_fetcher->arrivals() : 0;
}

void LiveSymbolizer::TakeDebugFiles() {
  if (arrivals() == arrivals_taken_) return;
  arrivals_taken_ = arrivals();
  for (const std::string& build_id : options_.debug_fetcher->TakeArrived()) {
    modules_.AddDebugFile(build_id);
  }
  names_.Clear();
}

Stack LiveSymbolizer::Resolve(const RawStack& raw) {
  TakeDebugFiles();
  Stack stack;
  Process* const process = raw.pid == 0 ? nullptr : processes_.Select(raw.pid, raw.addresses);
  if (raw.pid != 0 && process == nullptr) {
    ++exited_stacks_;
    stack.truncated = "process exited before its mappings were read";
    return stack;
  }
  for (size_t index = 0; index < raw.addresses.size(); ++index) {
    const uint64_t address = raw.addresses[index];
    // All but the leaf are return addresses: the call, which may end its function, is before.
    const bool is_call = index != 0 && address != 0 && hotspot_is_method(address) == 0;
    const uint64_t lookup = is_call ? address - 1 : address;
    if (process == nullptr) {
      stack.frames.push_back(ResolveKernel(address, lookup));
    } else {
      ResolveUser(*process, address, lookup, stack.frames);
    }
    misses_ += stack.frames.back().symbol.empty();
  }
  lookups_ += raw.addresses.size();
  if (process != nullptr) ShowPython(raw, *process, stack);
  return stack;
}

void LiveSymbolizer::ShowPython(const RawStack& raw, const Process& process, Stack& stack) {
  stack.frames = python_.Show(raw, {.pid = process.pid, .start_ticks = process.start_ticks},
                              process.live, std::move(stack.frames));
  for (Frame& frame : stack.frames) {
    if (frame.module != "[python]") continue;
    frame.symbol = Printable(frame.symbol);
    frame.file = Printable(frame.file);
  }
}

void LiveSymbolizer::Remember(uint32_t pid) {
  Process* const process = processes_.Remember(pid);
  if (process == nullptr) return;
  modules_.LoadVanishing(*process);
  const bool jit = std::any_of(process->mappings.begin(), process->mappings.end(),
                               [](const CodeMapping& entry) { return MayBeJit(entry.mapping); });
  if (jit) jit_.Refresh(*process);
}

absl::Status LiveSymbolizer::KernelSymbols() {
  if (!kernel_ && kernel_status_.ok()) LoadKernelSymbols();
  return kernel_status_;
}

// An index once read is kept when the kernel hides addresses later (after dropping privileges).
void LiveSymbolizer::LoadKernelSymbols() {
  next_kernel_read_ns_ = options_.now_ns() + kKernelRereadNs;
  absl::StatusOr<Kallsyms> loaded = Kallsyms::Load(options_.kallsyms_path);
  if (loaded.ok()) {
    kernel_ = *std::move(loaded);
  } else if (!kernel_) {
    kernel_status_ = loaded.status();
  }
}

std::optional<KernelSymbol> LiveSymbolizer::LookupKernel(uint64_t address) {
  std::optional<KernelSymbol> symbol = kernel_ ? kernel_->Lookup(address) : std::nullopt;
  if (symbol || options_.now_ns() < next_kernel_read_ns_) return symbol;
  LoadKernelSymbols();
  return kernel_ ? kernel_->Lookup(address) : std::nullopt;
}

Frame LiveSymbolizer::ResolveKernel(uint64_t address, uint64_t lookup) {
  Frame frame;
  frame.address = address;
  frame.module = "[kernel]";
  const std::optional<KernelSymbol> symbol = LookupKernel(lookup);
  if (symbol) {
    frame.symbol = symbol->name;
    frame.module = symbol->module;
  }
  return frame;
}

// One frame, or more where a run time's compiler inlined some.
void LiveSymbolizer::ResolveUser(Process& process, uint64_t address, uint64_t lookup,
                                 std::vector<Frame>& frames) {
  Frame frame;
  const bool is_method = hotspot_is_method(address) != 0;
  frame.address = is_method ? address & ~HOTSPOT_METHOD_BIT : address;
  CodeMapping* const mapping = is_method ? nullptr : process.Find(lookup);
  if (is_method) frame.module = "[jit]";
  if (mapping != nullptr) {
    frame.module = ModuleName(mapping->mapping);
    if (!IsAnonymous(mapping->mapping)) NameFromFile(process, *mapping, lookup, frame);
  }
  const bool may_be_jit = is_method || (mapping != nullptr && MayBeJit(mapping->mapping));
  if (frame.symbol.empty() && may_be_jit) {
    NameFromRunTime(process, lookup, frame, frames);
  } else {
    frames.push_back(std::move(frame));
  }
}

void LiveSymbolizer::NameFromFile(Process& process, CodeMapping& mapping, uint64_t lookup,
                                  Frame& frame) {
  const uint64_t bias = mapping.mapping.offset - mapping.mapping.start;
  frame.file_offset = frame.address + bias;
  const std::shared_ptr<const ElfSymbols> symbols = modules_.Load(process, mapping);
  if (mapping.module) frame.build_id = mapping.module->build_id;
  if (!symbols) return;
  if (!mapping.module) frame.build_id = symbols->build_id();
  frame.symbol = NameIn(mapping, *symbols, lookup + bias);
  const bool wanted =
      mapping.module && frame.symbol.empty() && symbols->stripped() && !frame.build_id.empty();
  if (wanted && options_.debug_fetcher) options_.debug_fetcher->Want(frame.build_id);
}

std::string LiveSymbolizer::NameIn(const CodeMapping& mapping, const ElfSymbols& symbols,
                                   uint64_t offset) {
  const std::string* const known =
      mapping.module ? names_.Find(mapping.module->key, offset) : nullptr;
  if (known != nullptr) return *known;
  const std::optional<std::string> linked = symbols.Lookup(offset);
  std::string name = linked ? Printable(demangler_.Demangle(*linked)) : "";
  if (mapping.module) names_.Put(mapping.module->key, offset, name);
  return name;
}

// HotSpot itself knows more, and sooner, than the map that it may have been told to write.
void LiveSymbolizer::NameFromRunTime(const Process& process, uint64_t lookup, const Frame& frame,
                                     std::vector<Frame>& frames) {
  std::vector<std::string> names;
  if (process.live) names = hotspot_.Lookup(process.pid, lookup);
  if (names.empty()) names.emplace_back(jit_.Lookup(process, lookup));
  for (const std::string& name : names) {
    frames.push_back(frame);
    if (name.empty()) continue;
    frames.back().module = "[jit]";
    frames.back().symbol = Printable(demangler_.Demangle(name));
  }
}

LiveSymbolizer::Stats LiveSymbolizer::stats() const {
  return {
      .lookups = lookups_,
      .misses = misses_,
      .exited_stacks = exited_stacks_,
      .files_indexed = modules_.files_indexed(),
      .files_unavailable = modules_.files_unavailable(),
      .maps_read = processes_.stats().maps_read,
      .maps_failed = processes_.stats().maps_failed,
      .perf_map_lines_dropped = jit_.dropped_lines(),
      .python_frames = python_.frames(),
      .python_frames_gone = python_.gone(),
      .processes = processes_.size(),
      .cache_bytes = modules_.bytes() + jit_.bytes() + python_.bytes(),
  };
}

}  // namespace waitscope
