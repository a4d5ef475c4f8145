// Writes what the pipeline sees from now on as a .wslog, chunk by chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "agent/pipeline.h"
#include "agent/record_filter.h"
#include "agent/record_tap.h"
#include "agent/source/log_writer.h"

namespace waitscope {

class Recording {
 public:
  using WriteChunk = absl::FunctionRef<bool(std::string_view)>;
  using GiveUp = absl::FunctionRef<bool()>;

  Recording(Pipeline& pipeline, RecordFilter filter);

  // From a tick to a tick, `duration_ns` apart; 0: until the reader gives up. `write` returns
  // false when the reader is gone.
  absl::Status Run(uint64_t duration_ns, WriteChunk write, GiveUp give_up);

 private:
  absl::Status Begin(GiveUp give_up);
  absl::Status CopyUntil(uint64_t closed_ns, LogWriter& log, GiveUp give_up);
  absl::Status Copy(LogWriter& log);
  absl::Status NameStacks(LogWriter& log);

  Pipeline& pipeline_;
  std::shared_ptr<RecordTap> tap_;
  uint64_t closed_ns_ = 0;  // of the last tick copied
  uint64_t named_ns_ = 0;   // windows up to here have had their stacks named
};

}  // namespace waitscope
