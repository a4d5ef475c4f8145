#include "agent/source/python_build.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>

#include <bit>

#include "agent/os/unique_fd.h"

// What CPython exports: this program poses as one.
extern "C" {
extern const unsigned long Py_Version;
const unsigned long Py_Version __attribute__((used)) = 0x030c01f0;
uint64_t _PyRuntime[128] __attribute__((used)) = {1};
}

namespace waitscope {
namespace {

// Where address 0 of this program came to lie.
uint64_t OwnBias() {
  uint64_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uint64_t*>(out) = info->dlpi_addr;
        return 1;  // the program itself comes first
      },
      &bias);
  return bias;
}

std::optional<PythonBuild> FindInThisProgram(absl::string_view called) {
  const UniqueFd fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto image = ElfImage::FromFile(fd.get());
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? FindPython(*image, called) : std::nullopt;
}

TEST(PythonBuild, IsFoundByTheSymbolsOfTheFile) {
  const auto build = FindInThisProgram("/usr/bin/python3.11");
  ASSERT_TRUE(build);
  EXPECT_EQ(build->runtime + OwnBias(), std::bit_cast<uint64_t>(&_PyRuntime[0]));
  EXPECT_EQ(build->layout.walk.minor, 12) << "as the file says itself, not as it is called";
}

TEST(PythonBuild, IsNotLookedForInOtherFiles) {
  EXPECT_FALSE(FindInThisProgram("/usr/bin/redis-server"));
}

TEST(PythonBuild, FilesOfPythonAreCalledSo) {
  for (const char* path : {"/usr/bin/python3.11", "/opt/lib/libpython3.12.so.1.0", "python3.9",
                           "/usr/local/bin/python3.13 (deleted)"}) {
    EXPECT_TRUE(MayHoldPython(path)) << path;
  }
  for (const char* path : {"/usr/bin/python", "/usr/lib/libpython3.so", "/usr/lib/python3.11/x.so",
                           "", "/", "mypython3.11"}) {
    EXPECT_FALSE(MayHoldPython(path)) << path;
  }
}

}  // namespace
}  // namespace waitscope
