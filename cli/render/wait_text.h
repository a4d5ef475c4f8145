// One wait in words: what kind, of what, in which call.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "cli/render/style.h"
#include "waitscope/v1/snapshot.pb.h"

namespace waitscope::cli {

// "10.0.0.5:5432", "file orders.db", "futex 0x7f3c0a10"; empty when unknown.
std::string ObjectText(const v1::WaitObject& object);

// "network 10.0.0.5:5432 in read".
std::string WaitText(absl::string_view wait_class, const v1::WaitObject& object,
                     absl::string_view syscall);

// " 4731  pool-1-thread-1  8.0 s  network 10.0.0.5:5432 in read".
std::string OpenWaitLine(const TextStyle& style, const v1::Thread& thread);

}  // namespace waitscope::cli
