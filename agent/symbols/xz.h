#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace waitscope {

// Unpacks one .xz stream; refuses to produce more than `max_bytes`.
absl::StatusOr<std::string> DecompressXz(std::string_view packed, size_t max_bytes);

}  // namespace waitscope
