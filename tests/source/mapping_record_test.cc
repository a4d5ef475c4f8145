#include "agent/source/mapping_record.h"

#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/mman.h>

#include <cstring>
#include <random>
#include <vector>

namespace waitscope {
namespace {

using Kind = MappingRecord::Kind;

class Bytes {
 public:
  template <typename T>
  Bytes& Add(T value) {
    const auto* at = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), at, at + sizeof(value));
    return *this;
  }
  // Padded to 8 bytes, as the kernel does.
  Bytes& Text(const char* text) {
    for (const char* at = text; *at != 0; ++at) Add(*at);
    do Add('\0');
    while (bytes_.size() % 8 != 0);
    return *this;
  }
  // The whole record: header, what was added, and the time.
  std::vector<std::byte> Record(uint32_t type, uint16_t misc, uint64_t time) {
    Add(time);
    perf_event_header header{type, misc, static_cast<uint16_t>(sizeof(header) + bytes_.size())};
    std::vector<std::byte> record(sizeof(header));
    std::memcpy(record.data(), &header, sizeof(header));
    record.insert(record.end(), bytes_.begin(), bytes_.end());
    return record;
  }

 private:
  std::vector<std::byte> bytes_;
};

std::vector<std::byte> Map(uint32_t protection, const char* path, uint64_t length = 0x2000) {
  Bytes bytes;
  bytes.Add<uint32_t>(10).Add<uint32_t>(11).Add<uint64_t>(0x7000).Add(length);
  bytes.Add<uint64_t>(0x1000).Add<uint32_t>(8).Add<uint32_t>(1).Add<uint64_t>(42);
  bytes.Add<uint64_t>(1).Add(protection).Add<uint32_t>(MAP_PRIVATE).Text(path);
  return bytes.Record(PERF_RECORD_MMAP2, 0, 77);
}

std::vector<std::byte> Task(uint32_t type, uint32_t pid, uint32_t parent, uint32_t tid) {
  Bytes bytes;
  bytes.Add(pid).Add(parent).Add(tid).Add(parent).Add<uint64_t>(77);
  return bytes.Record(type, 0, 78);
}

TEST(MappingRecord, ReadsAnExecutableMapping) {
  const auto record = ParseMappingRecord(Map(PROT_READ | PROT_EXEC, "/usr/lib/libc.so.6"));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, Kind::kMap);
  EXPECT_EQ(record->pid, 10u);
  EXPECT_EQ(record->time_ns, 77u);
  EXPECT_EQ(record->start, 0x7000u);
  EXPECT_EQ(record->end, 0x9000u);
  EXPECT_EQ(record->offset, 0x1000u);
  EXPECT_EQ(record->file, (MappedFile{uint64_t{8} << 32 | 1, 42, "/usr/lib/libc.so.6"}));
}

TEST(MappingRecord, LeavesOutDataAndEmptyMappings) {
  EXPECT_FALSE(ParseMappingRecord(Map(PROT_READ | PROT_WRITE, "/usr/lib/libc.so.6")));
  EXPECT_FALSE(ParseMappingRecord(Map(PROT_EXEC, "/usr/lib/libc.so.6", 0)));
  EXPECT_FALSE(ParseMappingRecord(Map(PROT_EXEC, "x", ~uint64_t{0}))) << "over the end of memory";
}

TEST(MappingRecord, CodeWithoutAFileHasNoName) {
  EXPECT_EQ(ParseMappingRecord(Map(PROT_EXEC, "//anon"))->file.path, "");
}

TEST(MappingRecord, TellsProcessesFromThreads) {
  const auto fork = ParseMappingRecord(Task(PERF_RECORD_FORK, 20, 10, 20));
  ASSERT_TRUE(fork);
  EXPECT_EQ(fork->kind, Kind::kFork);
  EXPECT_EQ(fork->pid, 20u);
  EXPECT_EQ(fork->parent_pid, 10u);
  EXPECT_EQ(fork->time_ns, 78u);
  EXPECT_FALSE(ParseMappingRecord(Task(PERF_RECORD_FORK, 10, 10, 21))) << "a thread of its own";
  EXPECT_EQ(ParseMappingRecord(Task(PERF_RECORD_EXIT, 20, 10, 20))->kind, Kind::kExit);
  EXPECT_FALSE(ParseMappingRecord(Task(PERF_RECORD_EXIT, 20, 10, 21))) << "not the first thread";
}

TEST(MappingRecord, TellsExecFromAChangedName) {
  Bytes exec;
  exec.Add<uint32_t>(10).Add<uint32_t>(10).Text("ls");
  Bytes name = exec;
  const auto record =
      ParseMappingRecord(exec.Record(PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC, 5));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, Kind::kExec);
  EXPECT_FALSE(ParseMappingRecord(name.Record(PERF_RECORD_COMM, 0, 5)));
}

TEST(MappingRecord, SaysWhenRecordsAreMissing) {
  Bytes bytes;
  bytes.Add<uint64_t>(1).Add<uint64_t>(99);
  EXPECT_EQ(ParseMappingRecord(bytes.Record(PERF_RECORD_LOST, 0, 5))->kind, Kind::kLost);
}

TEST(MappingRecord, SurvivesEveryCutAndAnyBytes) {
  const auto whole = Map(PROT_EXEC, "/usr/lib/libc.so.6");
  for (size_t size = 0; size < whole.size(); ++size) {
    ParseMappingRecord(std::span(whole).first(size));
  }
  std::mt19937 random(1);
  for (int round = 0; round < 1000; ++round) {
    std::vector<std::byte> bytes(random() % 100);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 12);
    ParseMappingRecord(bytes);
  }
}

}  // namespace
}  // namespace waitscope
