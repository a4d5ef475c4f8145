// unwind_check PATH...: compares the table of every ELF file under the paths with elfutils.
#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <set>
#include <string>

#include "agent/os/unique_fd.h"
#include "tests/unwind/agreement.h"

namespace waitscope::testing {
namespace {

namespace fs = std::filesystem;

struct Totals {
  uint64_t files = 0;
  uint64_t refused = 0;
  uint64_t rows = 0;
  uint64_t unsupported = 0;
  uint64_t unreadable = 0;
  uint64_t mismatches = 0;
  uint64_t table_rows = 0;
  uint64_t table_bytes = 0;
  uint64_t text_bytes = 0;
  double build_seconds = 0;
  double slowest_seconds = 0;
  RuleDictionary rules;  // as the agent has it: one for all files
};

uint64_t TextBytes(const UnwindTable& table) {
  uint64_t bytes = 0;
  for (const ExecSegment& segment : table.segments) bytes += segment.size;
  return bytes;
}

bool IsElf(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return file.ok() && ElfImage::FromFile(file.get()).ok();
}

// As the agent builds it, timed.
absl::Status Measure(const std::string& path, Totals& totals) {
  const auto begin = std::chrono::steady_clock::now();
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto image = ElfImage::FromFile(file.get());
  if (!image.ok()) return image.status();
  const auto table = BuildUnwindTable(*image, totals.rules);
  if (!table.ok()) return table.status();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  totals.build_seconds += took.count();
  totals.slowest_seconds = std::max(totals.slowest_seconds, took.count());
  totals.table_rows += table->rows.size();
  totals.table_bytes += table->bytes();
  totals.text_bytes += TextBytes(*table);
  return absl::OkStatus();
}

void Check(const std::string& path, Totals& totals) {
  ++totals.files;
  const absl::Status measured = Measure(path, totals);
  const auto built = BuiltTable::OfFile(path);
  if (!measured.ok() || !built.ok()) {
    ++totals.refused;
    if (absl::IsNotFound(measured)) return;  // debug files have no code
    std::cout << path << ": " << (measured.ok() ? built.status() : measured) << "\n";
    return;
  }
  const Agreement agreement = CompareWithElfutils(path, *built);
  totals.rows += agreement.rows;
  totals.unsupported += agreement.unsupported;
  totals.unreadable += agreement.unreadable;
  totals.mismatches += agreement.mismatches;
  if (agreement.mismatches == 0) return;
  std::cout << path << ": " << agreement.mismatches << " mismatches, the first at "
            << agreement.first_mismatch << "\n";
}

std::set<std::string> FilesUnder(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::set<std::string> files;
  const auto options = fs::directory_options::skip_permission_denied;
  for (const auto& entry : fs::recursive_directory_iterator(path, options, error)) {
    if (!entry.is_symlink(error) && entry.is_regular_file(error)) files.insert(entry.path());
  }
  return files;
}

int Report(const Totals& totals) {
  const double code_mib = static_cast<double>(totals.text_bytes) / (1 << 20);
  const double table_mib = static_cast<double>(totals.table_bytes) / (1 << 20);
  std::cout << totals.files << " files (" << totals.refused << " without a table), " << totals.rows
            << " rows of elfutils (" << totals.unreadable << " unreadable to it), "
            << totals.unsupported << " unsupported, " << totals.mismatches << " mismatches\n"
            << std::fixed << std::setprecision(1) << code_mib << " MiB of code, "
            << totals.table_rows << " rows, " << table_mib << " MiB of tables ("
            << table_mib * 1024 / std::max(code_mib, 1e-9) << " KiB a MiB), "
            << totals.rules.rules().size() << " rules, built in " << totals.build_seconds
            << " s, the slowest in " << totals.slowest_seconds * 1e3 << " ms\n";
  return totals.mismatches == 0 ? 0 : 1;
}

}  // namespace
}  // namespace waitscope::testing

int main(int argc, char** argv) {
  using namespace waitscope::testing;
  Totals totals;
  for (int i = 1; i < argc; ++i) {
    for (const std::string& file : FilesUnder(argv[i])) {
      if (IsElf(file)) Check(file, totals);
    }
  }
  return Report(totals);
}
