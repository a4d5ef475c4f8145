#include "agent/symbols/name_cache.h"

#include <gmock/gmock.h>

namespace waitscope {
namespace {

using testing::IsNull;
using testing::Pointee;

constexpr FileKey kFile{.device = 1, .inode = 2, .modified_ns = 3, .size = 4};

TEST(NameCache, KnowsWhatItWasToldOfThatFileOnly) {
  NameCache cache(10);
  cache.Put(kFile, 0x40, "serve");
  cache.Put(kFile, 0x80, "");
  EXPECT_THAT(cache.Find(kFile, 0x40), Pointee(std::string("serve")));
  EXPECT_THAT(cache.Find(kFile, 0x80), Pointee(std::string()));
  EXPECT_THAT(cache.Find(kFile, 0x41), IsNull());
}

TEST(NameCache, AnotherBuildOfTheFileHasNamesOfItsOwn) {
  NameCache cache(10);
  cache.Put(kFile, 0x40, "serve");
  FileKey rebuilt = kFile;
  rebuilt.modified_ns = 9;
  EXPECT_THAT(cache.Find(rebuilt, 0x40), IsNull());
}

TEST(NameCache, HoldsNoMoreThanItMay) {
  NameCache cache(3);
  for (uint64_t offset = 0; offset < 3; ++offset) cache.Put(kFile, offset, "name");
  cache.Put(kFile, 3, "last");
  EXPECT_THAT(cache.Find(kFile, 0), IsNull());
  EXPECT_THAT(cache.Find(kFile, 3), Pointee(std::string("last")));
}

}  // namespace
}  // namespace waitscope
