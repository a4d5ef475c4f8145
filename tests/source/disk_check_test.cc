#include "agent/source/disk_check.h"

#include <gtest/gtest.h>

namespace waitscope {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint32_t kDisk = 254u << 20;

TEST(DiskCheck, ReadsWhatTheKernelCounts) {
  const auto disks = ParseDiskstats(
      " 254       0 vda 6051763 80390 238910930 2774587 2517582 238582 396966056 2159358 1 713400 "
      "5074864 230629 27 335898320 90791 679370 50126\n"
      "not a line\n");
  ASSERT_EQ(disks.size(), 1u);
  EXPECT_EQ(disks.at(kDisk).in_flight, 1u);
  EXPECT_EQ(disks.at(kDisk).busy_ns, 713400ULL * 1'000'000);
}

class CheckedDisk : public testing::Test {
 protected:
  device_event Read(uint64_t busy_ns, uint32_t in_flight, KernelDisk kernel, bool skipped = false) {
    device_event reading{};
    reading.dev = kDisk;
    reading.busy_ns = busy_ns;
    reading.in_flight = in_flight;
    check_.Correct(kernel, skipped, reading);
    return reading;
  }

  DiskCheck check_;
};

TEST_F(CheckedDisk, OurCountStandsWhenTheKernelHasAsMuchInFlight) {
  Read(0, 0, {});
  EXPECT_EQ(Read(kSecond, 1, {1, kSecond / 2}).busy_ns, kSecond);
}

TEST_F(CheckedDisk, ARequestThatTheKernelHasDoneKeepsNoDiskBusy) {
  Read(0, 0, {});
  const device_event stuck = Read(kSecond, 1, {0, kSecond / 10});
  EXPECT_EQ(stuck.busy_ns, kSecond / 10);
  EXPECT_EQ(stuck.in_flight, 0u);
}

TEST_F(CheckedDisk, SkippedCompletionsAreSuspectToo) {
  Read(0, 0, {});
  EXPECT_EQ(Read(kSecond, 0, {0, kSecond / 10}, true).busy_ns, kSecond / 10);
}

TEST_F(CheckedDisk, BusyTimeGoesOnFromWhatWasTakenOut) {
  Read(0, 0, {});
  Read(kSecond, 1, {0, kSecond / 10});
  EXPECT_EQ(Read(2 * kSecond, 0, {0, kSecond}).busy_ns, kSecond / 10 + kSecond);
}

TEST_F(CheckedDisk, WhatWasBeforeTheFirstLookIsNobodys) {
  EXPECT_EQ(Read(5 * kSecond, 1, {0, kSecond}).busy_ns, 5 * kSecond);
}

}  // namespace
}  // namespace waitscope
