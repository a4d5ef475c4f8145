#include "agent/source/event_codec.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bpf/unwind/table.h"

namespace waitscope {
namespace {

static_assert(std::endian::native == std::endian::little, "logs are little-endian");

constexpr uint32_t kMaxFrames = 1024;

absl::Status OutOfRange(const char* what, uint64_t value) {
  return absl::InvalidArgumentError(
      absl::StrCat("a record's ", what, " is ", value, ", which nothing writes: it is damaged"));
}

size_t WireSize(const stack_event& event) {
  const size_t count = std::min<size_t>(event.count, WS_STACK_DEPTH);
  const size_t least = offsetof(stack_event, addresses) + count * sizeof(event.addresses[0]);
  // With the words behind the addresses, whole ones.
  return std::max<size_t>(least, std::min<size_t>(event.hdr.size, sizeof(event)) / 8 * 8);
}

template <typename Record>
size_t WireSize(const Record& record) {
  return sizeof(record);
}

// What the core uses as an index or a length; anything goes in the other fields.
template <typename Record>
absl::Status Check(const Record&) {
  return absl::OkStatus();
}

absl::Status Check(const wait_event& event) {
  if (event.wait_class >= WAIT_CLASS_COUNT) return OutOfRange("wait class", event.wait_class);
  if (event.waker_context > WAKER_interrupt) {
    return OutOfRange("waker context", event.waker_context);
  }
  return absl::OkStatus();
}

absl::Status Check(const ledger_event& event) {
  const ledger& ledger = event.totals;
  if (ledger.wait_class >= WAIT_CLASS_COUNT) return OutOfRange("wait class", ledger.wait_class);
  if (ledger.state > THREAD_dead) return OutOfRange("thread state", ledger.state);
  return absl::OkStatus();
}

absl::Status Check(const stack_event& event) {
  if (event.count > WS_STACK_DEPTH || event.hdr.size < WireSize(event)) {
    return OutOfRange("stack depth", event.count);
  }
  if (event.stack_class >= UNWIND_CLASS_COUNT) {
    return OutOfRange("class of a stack", event.stack_class);
  }
  if (event.stop >= UNWIND_STOP_COUNT) return OutOfRange("end of a stack", event.stop);
  return absl::OkStatus();
}

absl::Status Check(const block_event& event) {
  if (event.op >= BLOCK_OP_COUNT) return OutOfRange("block operation", event.op);
  return absl::OkStatus();
}

absl::Status Check(const loss_event& event) {
  if (event.reason >= LOST_REASON_COUNT) return OutOfRange("reason of a loss", event.reason);
  return absl::OkStatus();
}

absl::Status Check(const kernel_lock_event& event) {
  if (event.lock_kind >= KERNEL_LOCK_KIND_COUNT) return OutOfRange("kind of lock", event.lock_kind);
  if (event.role >= KERNEL_LOCK_ROLE_COUNT) return OutOfRange("role of a lock", event.role);
  return absl::OkStatus();
}

absl::Status Check(const frame_event& event) {
  if (event.count > kMaxFrames) return OutOfRange("frame count", event.count);
  if (event.index != 0 && event.index >= event.count) return OutOfRange("frame", event.index);
  return absl::OkStatus();
}

template <typename Record>
absl::StatusOr<Event> DecodeAs(std::span<const std::byte> bytes) {
  Record record{};
  std::memcpy(&record, bytes.data(), std::min(bytes.size(), sizeof(record)));
  record.hdr.size = static_cast<uint32_t>(std::min(bytes.size(), sizeof(record)));
  if (absl::Status status = Check(record); !status.ok()) return status;
  return Event(record);
}

absl::StatusOr<Event> DecodeKind(uint32_t kind, std::span<const std::byte> bytes) {
  switch (kind) {
#define EVENT(kind, type) \
  case EVENT_##kind:      \
    return DecodeAs<type>(bytes);
#include "bpf/events.def"
#undef EVENT
    default:
      return Event();
  }
}

// clang-format off
template <typename Record> constexpr uint32_t kKindOf = EVENT_none;
#define EVENT(kind, type) template <> constexpr uint32_t kKindOf<type> = EVENT_##kind;
#include "bpf/events.def"
#undef EVENT
// clang-format on

void Append(std::monostate, std::string&) {}

template <typename Record>
void Append(const Record& record, std::string& out) {
  const event_header header{kKindOf<Record>, static_cast<uint32_t>(WireSize(record))};
  const size_t begin = out.size();
  out.append(reinterpret_cast<const char*>(&record), header.size);
  std::memcpy(out.data() + begin, &header, sizeof(header));
}

}  // namespace

absl::StatusOr<Event> DecodeEvent(std::span<const std::byte> bytes) {
  event_header header{};
  if (bytes.size() < sizeof(header)) return OutOfRange("size", bytes.size());
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.size < sizeof(header) || header.size > bytes.size()) {
    return OutOfRange("size", header.size);
  }
  return DecodeKind(header.kind, bytes.first(header.size));
}

void EncodeEvent(const Event& event, std::string& out) {
  std::visit([&](const auto& record) { Append(record, out); }, event);
}

}  // namespace waitscope
