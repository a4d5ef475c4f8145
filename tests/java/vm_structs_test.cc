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
