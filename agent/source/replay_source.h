// A recorded log as a source of events.
#pragma once

#include <istream>
#include <memory>
#include <string>

#include "agent/core/source.h"
#include "agent/source/log_reader.h"
#include "agent/source/log_symbolizer.h"

namespace waitscope {

class ReplaySource : public Source {
 public:
  // Reads the log once through for the names of its stacks, which it may say last.
  static absl::StatusOr<std::unique_ptr<ReplaySource>> Open(const std::string& path);

  // `in` must be able to seek; `name` is what messages call it.
  static absl::StatusOr<std::unique_ptr<ReplaySource>> Read(std::unique_ptr<std::istream> in,
                                                            std::string name);

  // A log that is cut off or damaged gives its good part first, then the error.
  absl::StatusOr<bool> Poll(absl::FunctionRef<void(const Event&)> fold) override;

  // The log brings its own ticks, and system calls if they were recorded.
  void RequestTick() override {}
  absl::Status WantSyscalls(bool) override { return absl::OkStatus(); }

  Symbolizer& symbols() { return symbols_; }

  // Of kinds this program does not know.
  uint64_t skipped_records() const { return reader_.skipped_records(); }

 private:
  ReplaySource(std::unique_ptr<std::istream> in, std::string name)
      : name_(std::move(name)), in_(std::move(in)), reader_(*in_) {}

  void ReadNames();
  absl::Status Named(const absl::Status& status) const;

  std::string name_;
  std::unique_ptr<std::istream> in_;
  LogReader reader_;
  LogSymbolizer symbols_;
};

}  // namespace waitscope
