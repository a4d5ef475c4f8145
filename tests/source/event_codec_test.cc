#include "agent/source/event_codec.h"

#include <gmock/gmock.h>

#include <cstring>
#include <random>

#include "bpf/unwind/table.h"
#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::HasSubstr;

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string Encoded(const Event& event) {
  std::string bytes;
  EncodeEvent(event, bytes);
  return bytes;
}

absl::StatusOr<Event> Decoded(const std::string& bytes) { return DecodeEvent(BytesOf(bytes)); }

// Any bytes but those a record may not have are kept as they are.
template <typename Record>
Record RandomRecord(std::mt19937_64& random) {
  Record record{};
  std::string bytes(sizeof(record), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  std::memcpy(&record, bytes.data(), sizeof(record));
  return record;
}

void MakeValid(wait_event& event) {
  event.wait_class = WAIT_disk;
  event.waker_context = WAKER_task;
}
void MakeValid(ledger_event& event) {
  event.totals.wait_class = WAIT_disk;
  event.totals.state = THREAD_blocked;
}
void MakeValid(stack_event& event) {
  event.hdr.size = sizeof(event);
  event.count = WS_STACK_DEPTH;
  event.stack_class = UNWIND_CLASS_truncated;
  event.stop = UNWIND_STOP_no_rule;
}
void MakeValid(block_event& event) { event.op = BLOCK_write; }
void MakeValid(loss_event& event) { event.reason = LOST_unsplit; }
void MakeValid(kernel_lock_event& event) {
  event.lock_kind = KERNEL_LOCK_rwsem;
  event.role = KERNEL_LOCK_ROLE_inode;
}
void MakeValid(frame_event& event) {
  event.index = 3;
  event.count = 9;
}
template <typename Record>
void MakeValid(Record&) {}

template <typename Record>
class EveryKind : public testing::Test {};

template <typename Variant>
struct RecordsOf;
template <typename... Records>
struct RecordsOf<std::variant<std::monostate, Records...>> {
  using Types = testing::Types<Records...>;
};
TYPED_TEST_SUITE(EveryKind, RecordsOf<Event>::Types);

TYPED_TEST(EveryKind, SurvivesEncodingAndDecoding) {
  std::mt19937_64 random(5);
  auto record = RandomRecord<TypeParam>(random);
  MakeValid(record);
  const std::string bytes = Encoded(record);
  const auto event = Decoded(bytes);
  ASSERT_TRUE(event.ok()) << event.status();
  ASSERT_TRUE(std::holds_alternative<TypeParam>(*event));
  const auto& decoded = std::get<TypeParam>(*event);
  EXPECT_EQ(std::memcmp(&decoded.hdr + 1, &record.hdr + 1, sizeof(record) - sizeof(record.hdr)), 0);
  EXPECT_EQ(Encoded(*event), bytes);
}

TYPED_TEST(EveryKind, ShorterRecordOfAnOlderWriterIsExtendedWithZeroes) {
  std::string bytes = Encoded(TypeParam{});
  bytes.resize(sizeof(event_header));
  const uint32_t size = sizeof(event_header);
  std::memcpy(bytes.data() + offsetof(event_header, size), &size, sizeof(size));
  const auto event = Decoded(bytes);
  if constexpr (std::is_same_v<TypeParam, stack_event>) {
    EXPECT_FALSE(event.ok()) << "a stack's size says how deep it is";
  } else {
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_TRUE(std::holds_alternative<TypeParam>(*event));
  }
}

TYPED_TEST(EveryKind, LongerRecordOfANewerWriterIsCut) {
  std::string bytes = Encoded(TypeParam{}) + std::string(64, 'x');
  const auto size = static_cast<uint32_t>(bytes.size());
  std::memcpy(bytes.data() + offsetof(event_header, size), &size, sizeof(size));
  const auto event = Decoded(bytes);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_TRUE(std::holds_alternative<TypeParam>(*event));
}

TYPED_TEST(EveryKind, NoPrefixOfItCrashes) {
  const std::string bytes = Encoded(TypeParam{});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Decoded(bytes.substr(0, size)).ok()) << size;
  }
}

TYPED_TEST(EveryKind, FlippedBytesGiveARecordOrAnError) {
  std::mt19937_64 random(17);
  TypeParam record{};
  MakeValid(record);
  const std::string whole = Encoded(record);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = whole;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto event = Decoded(bytes);
    if (event.ok() && std::holds_alternative<TypeParam>(*event)) {
      EXPECT_EQ(Encoded(*event).size() % 8, 0u);
    }
  }
}

TEST(EventCodec, UnknownKindIsNoError) {
  std::string bytes = Encoded(TickAt(1));
  bytes[0] = static_cast<char>(EVENT_KIND_COUNT);
  const auto event = Decoded(bytes);
  ASSERT_TRUE(event.ok());
  EXPECT_TRUE(std::holds_alternative<std::monostate>(*event));
}

TEST(EventCodec, StackSendsOnlyItsAddresses) {
  const std::string bytes = Encoded(StackWith(1, 2, {10, 20, 30}));
  EXPECT_EQ(bytes.size(), offsetof(stack_event, addresses) + 3 * sizeof(uint64_t));
  EXPECT_EQ(std::get<stack_event>(*Decoded(bytes)).addresses[2], 30u);
}

TEST(EventCodec, StackSendsTheWordsBehindItsAddresses) {
  stack_event event = StackWith(1, 2, {10, 20, 30});
  event.addresses[3] = 77;
  event.hdr.size += sizeof(uint64_t);
  const std::string bytes = Encoded(event);
  EXPECT_EQ(bytes.size(), offsetof(stack_event, addresses) + 4 * sizeof(uint64_t));
  const auto decoded = std::get<stack_event>(*Decoded(bytes));
  EXPECT_EQ(decoded.count, 3u);
  EXPECT_EQ(decoded.addresses[3], 77u);
}

TEST(EventCodec, StackDeeperThanItsRecordIsRefused) {
  std::string bytes = Encoded(StackWith(1, 2, {10, 20, 30}));
  const uint32_t count = 4;
  std::memcpy(bytes.data() + offsetof(stack_event, count), &count, sizeof(count));
  EXPECT_THAT(Decoded(bytes).status().ToString(), HasSubstr("stack depth is 4"));
}

TEST(EventCodec, ValuesThatWouldIndexOutOfATableAreRefused) {
  wait_event wait{};
  wait.wait_class = WAIT_CLASS_COUNT;
  EXPECT_FALSE(Decoded(Encoded(wait)).ok());
  ledger_event ledger{};
  ledger.totals.wait_class = WAIT_CLASS_COUNT;
  EXPECT_FALSE(Decoded(Encoded(ledger)).ok());
  EXPECT_FALSE(Decoded(Encoded(LossOf(LOST_REASON_COUNT, 1))).ok());
  block_event block{};
  block.op = BLOCK_OP_COUNT;
  EXPECT_FALSE(Decoded(Encoded(block)).ok());
}

TEST(EventCodec, NothingIsEncodedForNoEvent) { EXPECT_EQ(Encoded(Event()), ""); }

}  // namespace
}  // namespace waitscope
