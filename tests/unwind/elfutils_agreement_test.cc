// The table says of every byte of code what elfutils says of it.
#include <gtest/gtest.h>
#include <link.h>

#include <filesystem>
#include <set>
#include <string>

#include "tests/unwind/agreement.h"

namespace waitscope::testing {
namespace {

// Everything this program has loaded, and what else is large and likely to be installed.
std::set<std::string> SampleFiles() {
  std::set<std::string> files = {"/proc/self/exe"};
  const auto add = [](dl_phdr_info* info, size_t /*size*/, void* all) {
    if (std::filesystem::exists(info->dlpi_name)) {
      static_cast<std::set<std::string>*>(all)->insert(info->dlpi_name);
    }
    return 0;
  };
  dl_iterate_phdr(add, &files);
  for (const char* path : {"/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/bin/python3",
                           "/usr/bin/bash", "/usr/bin/perl"}) {
    if (std::filesystem::exists(path)) files.insert(path);
  }
  return files;
}

TEST(ElfutilsAgreement, HoldsForEveryRowOfASampleOfFiles) {
  uint64_t rows = 0;
  for (const std::string& path : SampleFiles()) {
    SCOPED_TRACE(path);
    const auto built = BuiltTable::OfFile(path);
    ASSERT_TRUE(built.ok()) << built.status();
    const Agreement agreement = CompareWithElfutils(path, *built);
    EXPECT_EQ(agreement.mismatches, 0u) << agreement.first_mismatch;
    rows += agreement.rows;
  }
  EXPECT_GT(rows, 50'000u);
}

}  // namespace
}  // namespace waitscope::testing
