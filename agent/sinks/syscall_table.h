// The system calls of the architecture this was built for; the table is made from the kernel's
// own header when the build is configured.
#pragma once

#include <cstdint>
#include <string_view>

namespace waitscope {

// Empty when the headers of the build did not know the number.
std::string_view SyscallTableName(int32_t number);

}  // namespace waitscope
