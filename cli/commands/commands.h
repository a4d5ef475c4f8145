// Every command, for the table in command.cc.
#pragma once

#include "cli/command.h"

namespace waitscope::cli {

extern const Command kDiagnose;
extern const Command kDiff;
extern const Command kFlame;
extern const Command kIo;
extern const Command kLocks;
extern const Command kLoops;
extern const Command kPools;
extern const Command kRecord;
extern const Command kReplay;
extern const Command kRun;
extern const Command kRunq;
extern const Command kStatus;
extern const Command kSyscalls;
extern const Command kThreads;
extern const Command kTop;
extern const Command kWakers;

}  // namespace waitscope::cli
