// What an agent says of itself.
#pragma once

#include "agent/core/snapshot.h"
#include "agent/diagnose/finding.h"
#include "agent/sinks/backend.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope {

void EncodeStatus(const AgentStatus& status, v1::Status& out);
// What only a window tells: the machine, its threads, and the clock that findings are told by.
void EncodeLatest(const Snapshot& latest, const Findings& findings, v1::Status& out);

}  // namespace waitscope
