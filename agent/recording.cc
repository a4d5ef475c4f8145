#include "agent/recording.h"

#include <chrono>
#include <span>
#include <string>
#include <utility>

#include "agent/os/clock.h"
#include "agent/source/event_codec.h"

namespace waitscope {
namespace {

constexpr std::chrono::milliseconds kPatience(100);

absl::Status WriteRecords(std::string_view bytes, LogWriter& log) {
  while (!bytes.empty()) {
    const absl::StatusOr<Event> event = DecodeEvent(std::as_bytes(std::span(bytes)));
    if (!event.ok()) return event.status();
    if (absl::Status status = log.Write(*event); !status.ok()) return status;
    bytes.remove_prefix(std::visit(
        [](const auto& record) -> size_t {
          if constexpr (requires { record.hdr; }) return record.hdr.size;
          return SIZE_MAX;
        },
        *event));
  }
  return absl::OkStatus();
}

}  // namespace

Recording::Recording(Pipeline& pipeline, RecordFilter filter)
    : pipeline_(pipeline),
      tap_(std::make_shared<RecordTap>(std::move(filter), RecordTap::Limits())) {}

absl::Status Recording::Run(uint64_t duration_ns, WriteChunk write, GiveUp give_up) {
  LogWriter log([write](std::string_view chunk) {
    return write(chunk) ? absl::OkStatus() : absl::CancelledError("the reader is gone");
  });
  if (absl::Status status = Begin(give_up); !status.ok()) return status;
  if (absl::Status status = Copy(log); !status.ok()) return status;
  const uint64_t until_ns = duration_ns == 0 ? UINT64_MAX : closed_ns_ + duration_ns;
  named_ns_ = closed_ns_;
  while (MonotonicNs() < until_ns && !pipeline_.Ended()) {
    if (give_up()) return absl::CancelledError("given up while recording");
    if (absl::Status status = Copy(log); !status.ok()) return status;
  }
  const absl::StatusOr<uint64_t> end_ns = pipeline_.Mark(give_up);
  if (!end_ns.ok()) return end_ns.status();
  if (absl::Status status = CopyUntil(*end_ns, log, give_up); !status.ok()) return status;
  if (absl::Status status = NameStacks(log); !status.ok()) return status;
  return log.Finish();
}

// The tap begins at a tick, which may already have passed when it is attached.
absl::Status Recording::Begin(GiveUp give_up) {
  pipeline_.Attach(tap_);
  while (!tap_->HasBegun(kPatience)) {
    const absl::StatusOr<uint64_t> mark = pipeline_.Mark(give_up);
    if (!mark.ok()) return mark.status();
    if (pipeline_.Ended()) return absl::UnavailableError("measuring has ended");
  }
  if (tap_->IsTooLarge()) {
    return absl::ResourceExhaustedError(
        "this machine has too many threads to record all of them; record some, by --pid, --cgroup "
        "or --container");
  }
  return absl::OkStatus();
}

absl::Status Recording::CopyUntil(uint64_t closed_ns, LogWriter& log, GiveUp give_up) {
  while (closed_ns_ < closed_ns && !pipeline_.Ended()) {
    if (give_up()) return absl::CancelledError("given up while recording");
    if (absl::Status status = Copy(log); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Recording::Copy(LogWriter& log) {
  const RecordTap::Taken taken = tap_->Take(kPatience);
  if (absl::Status status = WriteRecords(taken.bytes, log); !status.ok()) return status;
  const bool window_closed = std::exchange(closed_ns_, taken.closed_ns) != taken.closed_ns;
  if (!window_closed) return absl::OkStatus();
  if (absl::Status status = NameStacks(log); !status.ok()) return status;
  return log.Flush();
}

// Names are written as windows are published, so that a recording cut short has most of them.
absl::Status Recording::NameStacks(LogWriter& log) {
  const uint64_t published_ns = pipeline_.history().Usage().end_ns;
  absl::Status status;
  pipeline_.history().ForEachStack(
      named_ns_, published_ns, [this](StackId id) { return tap_->HasStack(id); },
      [&](StackId id, const Stack& stack) { status.Update(log.WriteStack(id, stack)); });
  named_ns_ = published_ns;
  return status;
}

}  // namespace waitscope
