// Requests that lie unread, in words, as the views of pools and loops tell them.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

// "port 80: 1,234 read after 12 us (p50), 0.3 s (p99), 1.2 s at most; 3 unread at the end, one for
// 2 s".
std::string UnreadText(const v1::UnreadRequests& requests);

// One labelled line a port.
std::string UnreadLines(const google::protobuf::RepeatedPtrField<v1::UnreadRequests>& ports,
                        const TextStyle& style);

}  // namespace waitscope::cli
