// One small snapshot with something of everything, for the codec's goldens.
#pragma once

#include "agent/core/snapshot.h"

namespace waitscope {

inline constexpr ThreadKey kServer{100, 100, 5};
inline constexpr ThreadKey kWorker{100, 101, 6};
inline constexpr ThreadKey kKernelThread{2, 2, 1};

Snapshot SampleSnapshot();

}  // namespace waitscope
