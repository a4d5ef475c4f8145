// Answers of an invented machine: a service whose pool waits for its database.
#pragma once

#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

v1::Header SampleHeader();
v1::Header SampleHeaderWithLosses();

v1::ThreadsResponse SampleThreads();
v1::ProcessesResponse SampleProcesses();
v1::ProfileResponse SampleProfile();
v1::ProfileResponse SampleWakerProfile();
v1::Status SampleStatus();
v1::IoResponse SampleIo();
v1::RunQueueResponse SampleRunQueue();
v1::SyscallsResponse SampleSyscalls();
v1::WakersResponse SampleWakers();
v1::PoolsResponse SamplePools();
v1::LoopsResponse SampleLoops();
v1::LocksResponse SampleLocks();
// One that lasts of pid 4711, one that is over of pid 912.
google::protobuf::RepeatedPtrField<v1::Finding> SampleFindings();

}  // namespace waitscope::cli
