#include "agent/symbols/symbol_cache.h"

#include <gtest/gtest.h>

#include <memory>

namespace waitscope {
namespace {

std::shared_ptr<const ElfSymbols> EmptyIndex() {
  auto nothing = std::make_shared<const ByteSource>(std::string("not an ELF file"));
  return std::make_shared<const ElfSymbols>(ElfSymbols::Index(nothing, nullptr));
}

FileKey Key(uint64_t inode) { return {.device = 1, .inode = inode, .modified_ns = 1, .size = 1}; }

TEST(SymbolCache, GivesBackWhatWasPut) {
  SymbolCache cache(1 << 20);
  const auto symbols = EmptyIndex();
  cache.Put(Key(1), symbols);
  EXPECT_EQ(cache.Get(Key(1)), symbols);
  EXPECT_EQ(cache.Get(Key(2)), nullptr);
}

TEST(SymbolCache, DropsTheLeastRecentlyUsedFirst) {
  const size_t one = EmptyIndex()->bytes();
  SymbolCache cache(3 * one);
  for (uint64_t inode = 1; inode <= 3; ++inode) cache.Put(Key(inode), EmptyIndex());
  cache.Get(Key(1));
  cache.Put(Key(4), EmptyIndex());
  EXPECT_NE(cache.Get(Key(1)), nullptr);
  EXPECT_EQ(cache.Get(Key(2)), nullptr);
  EXPECT_NE(cache.Get(Key(4)), nullptr);
  EXPECT_EQ(cache.bytes(), 3 * one);
}

TEST(SymbolCache, KeepsTheNewestHoweverLarge) {
  SymbolCache cache(1);
  cache.Put(Key(1), EmptyIndex());
  cache.Put(Key(2), EmptyIndex());
  EXPECT_EQ(cache.Get(Key(1)), nullptr);
  EXPECT_NE(cache.Get(Key(2)), nullptr);
  EXPECT_EQ(cache.size(), 1u);
}

}  // namespace
}  // namespace waitscope
