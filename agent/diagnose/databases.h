// Servers of databases, whose threads and processes are sessions: known by their names.
#pragma once

#include "agent/diagnose/machine.h"

namespace waitscope {

// MySQL, too: a thread for each session, or a pool of them.
inline bool IsMariaDb(const ProcessView& process) {
  return process.IsNamedLike("mariadbd") || process.IsNamedLike("mysqld");
}

// A process for each session.
inline bool IsPostgres(const ProcessView& process) { return process.comm == "postgres"; }

}  // namespace waitscope
