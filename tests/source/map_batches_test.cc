#include "agent/source/map_batches.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// A map whose buckets hold `bucket` entries each: a batch has whole buckets, as the kernel's do.
class FakeMap {
 public:
  FakeMap(uint32_t entries, uint32_t bucket) : entries_(entries), bucket_(bucket) {}

  int Read(void* from, void* next, void* keys, void* values, uint32_t* count) {
    if (!failures.empty()) {
      const int failure = failures.back();
      failures.pop_back();
      return failure;
    }
    if (*count < bucket_) return -ENOSPC;
    uint32_t at = from == nullptr ? 0 : *static_cast<uint32_t*>(from);
    uint32_t given = 0;
    for (; given < bucket_ && at < entries_; ++at, ++given) {
      static_cast<uint32_t*>(keys)[given] = at;
      static_cast<uint32_t*>(values)[given] = 2 * at;
    }
    *static_cast<uint32_t*>(next) = at;
    *count = given;
    return at == entries_ ? -ENOENT : 0;
  }

  absl::Status ReadAll(std::vector<uint32_t>& values) {
    return ForEachBatched<uint32_t, uint32_t>(
        [this](auto... arguments) { return Read(arguments...); },
        [&](const uint32_t&, const uint32_t& value) { values.push_back(value); });
  }

  std::vector<int> failures;  // the last one comes first

 private:
  uint32_t entries_;
  uint32_t bucket_;
};

TEST(MapBatches, EveryEntryIsDeliveredOnce) {
  std::vector<uint32_t> values;
  EXPECT_TRUE(FakeMap(3, 2).ReadAll(values).ok());
  EXPECT_THAT(values, ElementsAre(0, 2, 4));
}

TEST(MapBatches, ABucketLargerThanTheBatchIsReadWithALargerOne) {
  std::vector<uint32_t> values;
  EXPECT_TRUE(FakeMap(5000, 2000).ReadAll(values).ok());
  EXPECT_THAT(values, SizeIs(5000));
}

TEST(MapBatches, AnInterruptedReadIsTriedAgain) {
  std::vector<uint32_t> values;
  FakeMap map(3, 2);
  map.failures = {-EINTR};
  EXPECT_TRUE(map.ReadAll(values).ok());
  EXPECT_THAT(values, SizeIs(3));
}

TEST(MapBatches, AnErrorOfTheKernelIsToldInsteadOfTakenForTheEnd) {
  std::vector<uint32_t> values;
  FakeMap map(3, 2);
  map.failures = {-ENOMEM};
  EXPECT_THAT(std::string(map.ReadAll(values).message()), HasSubstr("Cannot allocate memory"));
}

}  // namespace
}  // namespace waitscope
