#include "tests/cli/golden.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

namespace waitscope::cli {

void ExpectGolden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(WAITSCOPE_GOLDEN_DIR) + "/" + name;
  if (getenv("WAITSCOPE_ACCEPT_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(expected.str(), actual) << path << " differs; WAITSCOPE_ACCEPT_GOLDEN=1 accepts it";
}

}  // namespace waitscope::cli
