// Durations and sizes as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace waitscope {

// "500ms", "10s", "2m", "1h", "250us"; a bare 0 too. Nanoseconds.
absl::StatusOr<uint64_t> ParseDurationNs(std::string_view text);
// "64KiB", "256MiB", "1GiB", "4096" (bytes). The short forms K, M and G mean the same.
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

std::string DurationText(uint64_t duration_ns);
std::string BytesText(uint64_t bytes);

}  // namespace waitscope
