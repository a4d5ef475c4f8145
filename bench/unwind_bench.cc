// What an unwind table costs to build and to keep, and what unwinding a shipped stack costs.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "agent/os/unique_fd.h"
#include "agent/unwind/elf_image.h"
#include "agent/unwind/frame_rule.h"
#include "agent/unwind/rule_dictionary.h"
#include "agent/unwind/stack_unwinder.h"
#include "agent/unwind/unwind_table.h"

namespace waitscope {
namespace {

absl::StatusOr<UnwindTable> Build(const std::string& path, RuleDictionary& rules) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return absl::NotFoundError("not installed");
  const auto image = ElfImage::FromFile(file.get());
  if (!image.ok()) return image.status();
  return BuildUnwindTable(*image, rules);
}

void Describe(const UnwindTable& table, benchmark::State& state) {
  double code_bytes = 0;
  for (const ExecSegment& segment : table.segments) code_bytes += static_cast<double>(segment.size);
  const double code_mib = code_bytes / (1 << 20);
  state.counters["code_MiB"] = code_mib;
  state.counters["rows"] = static_cast<double>(table.rows.size());
  state.counters["KiB_per_MiB"] = static_cast<double>(table.bytes()) / 1024 / code_mib;
}

void BuildTable(benchmark::State& state, const std::string& path) {
  RuleDictionary rules;
  for (auto _ : state) {
    const auto table = Build(path, rules);
    if (!table.ok()) {
      state.SkipWithError(std::string(table.status().message()).c_str());
      return;
    }
    benchmark::DoNotOptimize(table->rows.data());
    Describe(*table, state);
  }
}
constexpr char kLibraries[] = "/usr/lib/x86_64-linux-gnu/";
BENCHMARK_CAPTURE(BuildTable, libc, std::string(kLibraries) + "libc.so.6");
BENCHMARK_CAPTURE(BuildTable, libcrypto, std::string(kLibraries) + "libcrypto.so.3");
BENCHMARK_CAPTURE(BuildTable, python, std::string("/usr/bin/python3.11"));
BENCHMARK_CAPTURE(BuildTable, libLLVM, std::string(kLibraries) + "libLLVM-14.so.1");
BENCHMARK_CAPTURE(BuildTable, node, std::string("/usr/bin/node"));

// Frames of 64 bytes, each called by the same function, up to a root.
void UnwindWindow(benchmark::State& state) {
  constexpr uint64_t kText = 0x400000;
  constexpr uint64_t kStack = 0x7000;
  const auto frames = static_cast<uint64_t>(state.range(0));
  const std::vector<unwind_mapping> mappings = {
      {kText, kText + 0x2000, kText, 0, 2, UNWIND_MAPPING_table, 0}};
  const std::vector<uint32_t> pages = {0, 1, 2};
  const std::vector<uint32_t> rows = {unwind_row(0, 2), unwind_row(0, UNWIND_RULE_end)};
  const std::vector<unwind_rule> rules = {NoRule(), EndRule(), StackRule(64)};
  std::vector<uint64_t> words(frames * 8, kText + 16);
  words.back() = kText + 0x1010;
  StackSample sample = {.window_address = kStack};
  sample.window = {reinterpret_cast<const uint8_t*>(words.data()), words.size() * sizeof(uint64_t)};
  sample.registers = {.pc = kText + 8, .sp = kStack};
  unwind_begin(&sample.registers, 0, 0);
  for (auto _ : state) {
    benchmark::DoNotOptimize(UnwindStack({mappings, pages, rows, rules}, sample, nullptr));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(frames));
}
BENCHMARK(UnwindWindow)->Arg(8)->Arg(27)->Arg(113);

}  // namespace
}  // namespace waitscope
