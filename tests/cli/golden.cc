#include "tests/cli/golden.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

namespace waitscope::cli {
namespace {

// The first line in which the two differ: pictures are too long to print whole.
std::string FirstDifference(const std::string& expected, const std::string& actual) {
  std::istringstream expected_lines(expected);
  std::istringstream actual_lines(actual);
  for (int number = 1;; ++number) {
    std::string left;
    std::string right;
    const bool has_left = static_cast<bool>(std::getline(expected_lines, left));
    const bool has_right = static_cast<bool>(std::getline(actual_lines, right));
    if (has_left && has_right && left == right) continue;
    return "line " + std::to_string(number) + "\n  expected: " + (has_left ? left : "(end)") +
           "\n  actual:   " + (has_right ? right : "(end)");
  }
}

}  // namespace

void ExpectGolden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(WAITSCOPE_GOLDEN_DIR) + "/" + name;
  if (getenv("WAITSCOPE_ACCEPT_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  std::stringstream expected;
  expected << file.rdbuf();
  if (expected.str() == actual) return;
  ADD_FAILURE() << path << " differs, first in " << FirstDifference(expected.str(), actual)
                << "\nWAITSCOPE_ACCEPT_GOLDEN=1 accepts it";
}

}  // namespace waitscope::cli
