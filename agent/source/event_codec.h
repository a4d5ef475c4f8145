// Wire records to events and back. Records are the structs of bpf/events.h, `hdr.size` bytes each,
// in the byte order of the machine (both supported ones are little-endian).
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "agent/core/event.h"

namespace waitscope {

// The record at the start of `bytes`, which may come from anywhere: everything is checked. A
// record shorter than its struct, from an older writer, is extended with zeroes; of a longer one
// the rest is ignored. A kind this program does not know gives std::monostate.
absl::StatusOr<Event> DecodeEvent(std::span<const std::byte> bytes);

// Appends the record of `event` with its header filled in; nothing for std::monostate.
void EncodeEvent(const Event& event, std::string& out);

}  // namespace waitscope
