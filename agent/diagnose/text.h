// Numbers and things as summaries name them.
#pragma once

#include <cstdint>
#include <string>

#include "bpf/events.h"

namespace waitscope {

std::string TimeText(double ns);      // "304 ms", "8.0 s"
std::string ShareText(double share);  // "41 %"
std::string AddressOf(uint16_t family, const uint8_t (&address)[16], uint16_t port);
std::string PeerText(const wait_object& object);              // "10.0.0.5:5432"
std::string ObjectText(const wait_object& object);            // "file db.sqlite", "lock 0x7f3c0a10"
std::string Plural(uint64_t count, const std::string& noun);  // "4 threads"

}  // namespace waitscope
