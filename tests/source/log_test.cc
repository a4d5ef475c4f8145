// The log as a whole: what a writer writes a reader reads, and what is damaged is told.
#include <gmock/gmock.h>

#include <random>
#include <sstream>

#include "agent/source/event_codec.h"
#include "agent/source/log_format.h"
#include "agent/source/log_reader.h"
#include "agent/source/log_writer.h"
#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::HasSubstr;

class Log : public testing::Test {
 protected:
  // A log of several blocks.
  std::string Write(int ledgers, bool finish = true) {
    std::string bytes;
    LogWriter writer([&](std::string_view chunk) {
      bytes += chunk;
      return absl::OkStatus();
    });
    std::mt19937_64 random(3);
    for (int index = 0; index < ledgers; ++index) {
      ledger_event event{};
      event.at_ns = random();
      event.totals.runq[random() % WS_HIST_BUCKETS] = static_cast<uint32_t>(random());
      EXPECT_TRUE(writer.Write(event).ok());
      if (index % 100 == 99) {
        EXPECT_TRUE(writer.Flush().ok());
      }
    }
    EXPECT_TRUE((finish ? writer.Finish() : writer.Flush()).ok());
    return bytes;
  }

  struct Reading {
    int records = 0;
    std::string bytes;  // of the records
    absl::Status status;
  };
  static Reading Read(const std::string& bytes) {
    std::istringstream in(bytes);
    LogReader reader(in);
    Reading reading;
    for (;;) {
      const auto event = reader.Next();
      reading.status = event.status();
      if (!event.ok() || !event->has_value()) return reading;
      ++reading.records;
      EncodeEvent(**event, reading.bytes);
    }
  }
};

TEST_F(Log, WhatIsWrittenIsRead) {
  const Reading reading = Read(Write(1000));
  EXPECT_TRUE(reading.status.ok()) << reading.status;
  EXPECT_EQ(reading.records, 1000);
}

TEST_F(Log, EmptyLogIsWhole) {
  const Reading reading = Read(Write(0));
  EXPECT_TRUE(reading.status.ok()) << reading.status;
  EXPECT_EQ(reading.records, 0);
}

TEST_F(Log, FlushedRecordsAreThereWithoutTheEnd) {
  const Reading reading = Read(Write(250, false));
  EXPECT_EQ(reading.records, 250);
  EXPECT_THAT(reading.status.ToString(), HasSubstr("cut off"));
}

TEST_F(Log, BlocksAreBoundedHoweverRarelyItIsFlushed) {
  size_t largest = 0;
  LogWriter writer([&](std::string_view chunk) {
    largest = std::max(largest, chunk.size());
    return absl::OkStatus();
  });
  std::mt19937_64 random(3);
  for (int index = 0; index < 5000; ++index) {
    stack_event event{};
    event.count = WS_STACK_DEPTH;
    for (auto& address : event.addresses) address = random();  // does not compress
    ASSERT_TRUE(writer.Write(event).ok());
  }
  EXPECT_LT(largest, kBlockMaxBytes);
  EXPECT_GT(largest, 0u);
}

TEST_F(Log, EveryPrefixGivesItsGoodPartAndAnError) {
  const std::string whole = Write(300);
  int most = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    const Reading reading = Read(whole.substr(0, size));
    ASSERT_FALSE(reading.status.ok()) << size;
    ASSERT_GE(reading.records, most) << "a longer prefix has no fewer records: " << size;
    most = reading.records;
  }
  EXPECT_EQ(most, 300);
}

TEST_F(Log, DamageIsFoundAndNothingDamagedIsHandedOut) {
  const std::string whole = Write(300);
  const std::string good = Read(whole).bytes;
  std::mt19937_64 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    const size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + random() % 255));
    const Reading reading = Read(bytes);
    ASSERT_TRUE(good.starts_with(reading.bytes)) << "byte " << at;
    ASSERT_EQ(reading.records % 100, 0) << "only whole blocks: byte " << at;
    // Some bits of a zstd frame mean nothing.
    ASSERT_TRUE(!reading.status.ok() || reading.records == 300) << "byte " << at;
  }
}

TEST_F(Log, RandomBytesAreNoLog) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 500; ++round) {
    std::string bytes = LogHeader();
    for (uint64_t size = random() % 400; size > 0; --size) bytes += static_cast<char>(random());
    EXPECT_FALSE(Read(bytes).status.ok());
  }
}

TEST_F(Log, ErrorSaysWhereTheLogEnds) {
  const std::string whole = Write(100);
  const std::string cut = whole.substr(0, whole.size() - 20);
  EXPECT_THAT(Read(cut).status.ToString(), HasSubstr("ends at byte " + std::to_string(cut.size())));
}

TEST_F(Log, OtherFilesAreRefusedByName) {
  EXPECT_THAT(Read("PK\x03\x04 not ours").status.ToString(), HasSubstr("not a waitscope log"));
  EXPECT_THAT(Read("").status.ToString(), HasSubstr("not a waitscope log"));
}

TEST_F(Log, NewerFormatAsksForANewerProgram) {
  std::string bytes = Write(1);
  bytes[6] = 99;
  EXPECT_THAT(Read(bytes).status.ToString(), HasSubstr("Use a newer waitscope"));
}

TEST_F(Log, OlderFormatNamesTheWayOut) {
  std::string bytes = Write(1);
  bytes[6] = 0;
  EXPECT_THAT(Read(bytes).status.ToString(), HasSubstr("no longer read"));
}

TEST_F(Log, BlockThatClaimsTooMuchIsRefusedBeforeMemoryIsTaken) {
  const std::string bytes = LogHeader() + EncodeBlockHeader({100, 0x7FFFFFFF});
  EXPECT_THAT(Read(bytes).status.ToString(), HasSubstr("no writer makes"));
}

TEST_F(Log, ErrorStays) {
  std::istringstream in("nothing");
  LogReader reader(in);
  EXPECT_FALSE(reader.Next().ok());
  EXPECT_FALSE(reader.Next().ok());
}

TEST(LogWriter, FailureOfTheChannelIsReportedFromThenOn) {
  LogWriter writer([](std::string_view) { return absl::ResourceExhaustedError("disk full"); });
  EXPECT_TRUE(writer.Write(TickAt(1)).ok());
  EXPECT_FALSE(writer.Flush().ok());
  EXPECT_FALSE(writer.Write(TickAt(2)).ok());
  EXPECT_THAT(writer.Finish().ToString(), HasSubstr("disk full"));
}

}  // namespace
}  // namespace waitscope
