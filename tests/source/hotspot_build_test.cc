#include "agent/source/hotspot_build.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "agent/os/file_access.h"
#include "agent/unwind/named_symbols.h"

namespace waitscope {
namespace {

std::vector<std::string> InstalledHotSpots() {
  std::vector<std::string> found;
  std::error_code none;
  for (const auto& home : std::filesystem::directory_iterator("/usr/lib/jvm", none)) {
    const std::filesystem::path library = home.path() / "lib/server/libjvm.so";
    if (!home.is_symlink() && std::filesystem::exists(library)) found.push_back(library.string());
  }
  return found;
}

TEST(HotSpotBuild, IsKnownByTheNameOfItsFile) {
  EXPECT_TRUE(MayHoldHotSpot("/usr/lib/jvm/lib/server/libjvm.so"));
  EXPECT_TRUE(MayHoldHotSpot("/usr/lib/jvm/lib/server/libjvm.so (deleted)"));
  EXPECT_FALSE(MayHoldHotSpot("/usr/lib/mylibjvm.so"));
}

TEST(HotSpotBuild, FindsEachAddressByItsName) {
  const std::vector<std::string> libraries = InstalledHotSpots();
  if (libraries.empty()) GTEST_SKIP() << "no HotSpot is installed";
  for (const std::string& path : libraries) {
    const absl::StatusOr<OpenedFile> file = OpenFile(path);
    ASSERT_TRUE(file.ok()) << file.status();
    const absl::StatusOr<ElfImage> image = ElfImage::FromFile(file->fd.get());
    ASSERT_TRUE(image.ok()) << image.status();
    const std::optional<VmStructsAt> at = FindHotSpot(*image, path);
    ASSERT_TRUE(at.has_value()) << path;
    EXPECT_EQ(at->structs, FindSymbol(*image, "gHotSpotVMStructs"));
    EXPECT_EQ(at->address, FindSymbol(*image, "gHotSpotVMStructEntryAddressOffset"));
    EXPECT_EQ(at->type_size, FindSymbol(*image, "gHotSpotVMTypeEntrySizeOffset"));
    EXPECT_FALSE(FindHotSpot(*image, "/usr/lib/libother.so").has_value());
  }
}

}  // namespace
}  // namespace waitscope
