// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace waitscope::cli {

// "2.3 s", "62 ms", "0.2 ms", "8 us", "0".
std::string DurationText(uint64_t ns);
// "41.2 s", "3m 05s", "2h 10m", "12d 4h": for stretches of time rather than waits.
std::string StretchText(uint64_t ns);
// Share of a whole: "97 %", "0.1 %", "~0 %", "-" for nothing.
std::string PercentText(uint64_t part_ns, uint64_t whole_ns);
// How many threads' worth of time: "14.0", "0.4", "~0", "-" for nothing.
std::string ThreadsWorthText(uint64_t ns, uint64_t duration_ns);
// "61 MiB", "512 B".
std::string BytesText(uint64_t bytes);
// "1,234,567".
std::string CountText(uint64_t count);

}  // namespace waitscope::cli
