// Writes a .wslog as chunks of bytes: to a file, a gRPC stream, a string in a test.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "absl/status/status.h"
#include "agent/core/event.h"
#include "agent/core/stack.h"

struct ZSTD_CCtx_s;

namespace waitscope {

// After the first failure of `write` every call returns that failure.
class LogWriter {
 public:
  using WriteChunk = std::function<absl::Status(std::string_view)>;

  // Of zstd: the first for those who wait for the log, the second for a log to be kept.
  static constexpr int kQuick = 3;
  static constexpr int kSmall = 19;

  explicit LogWriter(WriteChunk write, int compression = kQuick);
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  absl::Status Write(const Event& event);

  // The names of a stack, so that a replay elsewhere can show them. Written once per identity.
  absl::Status WriteStack(StackId id, const Stack& stack);

  // Hands over everything so far; a reader can use it even if nothing else comes.
  absl::Status Flush();

  // The closing mark. Without it a reader reports the log as cut off.
  absl::Status Finish();

 private:
  absl::Status WriteOut(std::string_view chunk);

  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };

  WriteChunk write_;
  std::unique_ptr<ZSTD_CCtx_s, FreeContext> context_;
  std::string raw_;
  std::unordered_set<StackId> named_;
  bool begun_ = false;
  absl::Status failure_;
};

}  // namespace waitscope
