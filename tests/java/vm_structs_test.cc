#include "agent/java/vm_structs.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/java/made_hotspot.h"

namespace waitscope {
namespace {

TEST(VmStructs, TellsWhereFieldsLieAndHowLargeTypesAre) {
  MadeHotSpot made;
  const auto structs = VmStructs::Read(made.Publish(), made.reader());
  ASSERT_TRUE(structs);
  EXPECT_EQ(structs->Offset("ConstantPool::_pool_holder"), 24u);
  EXPECT_EQ(structs->SizeOf("ConstantPool"), 64u);
  EXPECT_TRUE(structs->Static("CodeCache::_heaps"));
}

TEST(VmStructs, KnowsNothingOfWhatTheBuildLacks) {
  MadeHotSpot made;
  const auto structs = VmStructs::Read(made.Publish(), made.reader());
  ASSERT_TRUE(structs);
  EXPECT_FALSE(structs->Offset("nmethod::_method"));
  EXPECT_FALSE(structs->Offset("CodeCache::_heaps")) << "a static field has no offset";
  EXPECT_FALSE(structs->SizeOf("Symbol"));
}

TEST(VmStructs, AreNothingWhereNothingCanBeRead) {
  MadeHotSpot made;
  const VmStructsAt at = made.Publish();
  const ReadMemory nothing = [](uint64_t, std::span<uint8_t>) { return size_t{0}; };
  EXPECT_FALSE(VmStructs::Read(at, nothing));
  EXPECT_FALSE(VmStructs::Read({}, made.reader()));
}

// A table without an end, whose texts lie in a page each.
TEST(VmStructs, ReadNoMoreThanAVmHas) {
  constexpr uint64_t kTable = 0x100000000;
  constexpr uint64_t kTexts = 0x200000000;
  MadeHotSpot made;
  const VmStructsAt at = made.Publish();
  made.Set(at.structs, kTable);
  size_t pages = 0;
  const auto byte_at = [&](uint64_t address) -> uint8_t {
    if (address >= kTexts) return address % 2 == 0 ? 'a' : 0;
    const uint64_t member = (address - kTable) % 48;
    const uint64_t text = kTexts + (address - kTable) / 48 * 8192 + (member >= 8 ? 4096 : 0);
    return member < 16 ? static_cast<uint8_t>(text >> 8 * (member % 8)) : 0;
  };
  const ReadMemory hostile = [&](uint64_t address, std::span<uint8_t> into) {
    if (address < kTable || address >= MadeHotSpot::kHeap) return made.reader()(address, into);
    ++pages;
    for (size_t i = 0; i < into.size(); ++i) into[i] = byte_at(address + i);
    return into.size();
  };
  VmStructs::Read(at, hostile);
  EXPECT_GT(pages, 1000u) << "the table is followed at all";
  EXPECT_LE(pages, 2048u);
}

// Whatever the memory of a hostile process holds, reading it ends.
TEST(VmStructs, SurviveMemoryOfAnyContent) {
  std::minstd_rand random(1);  // NOLINT: the same each time
  MadeHotSpot made;
  const VmStructsAt at = made.Publish();
  for (int round = 0; round < 200; ++round) {
    const ReadMemory damaged = [&](uint64_t address, std::span<uint8_t> into) {
      const size_t count = made.reader()(address, into);
      for (size_t i = 0; i < count; ++i) {
        if (random() % 997 == 0) into[i] = static_cast<uint8_t>(random());
      }
      return count;
    };
    const auto structs = VmStructs::Read(at, damaged);
    if (structs) ReadHotSpot(*structs, damaged);
  }
}

}  // namespace
}  // namespace waitscope
