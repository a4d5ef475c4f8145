// What /proc says of a process's code, for processes no record has told of.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/source/mapping_record.h"

namespace waitscope {

// As records of `now_ns`; none of a kernel thread, or of a process that is gone.
std::vector<MappingRecord> ReadMappings(uint32_t pid, uint64_t now_ns);

bool IsGone(uint32_t pid);

}  // namespace waitscope
