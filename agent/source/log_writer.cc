#include "agent/source/log_writer.h"

#include <zstd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/core/wire_text.h"
#include "agent/source/event_codec.h"
#include "agent/source/log_format.h"

namespace waitscope {
namespace {

constexpr size_t kMaxFrames = 1024;  // as many as a reader takes

frame_event FrameRecord(StackId id, const Stack& stack, size_t index, size_t count) {
  frame_event record{};
  record.stack = id;
  record.index = static_cast<uint32_t>(index);
  record.count = static_cast<uint32_t>(count);
  SetText(record.truncated, stack.truncated);
  if (index >= count) return record;
  const Frame& frame = stack.frames[index];
  record.address = frame.address;
  record.file_offset = frame.file_offset;
  SetText(record.symbol, frame.symbol);
  SetText(record.module, frame.module);
  SetText(record.build_id, frame.build_id);
  // Of a path that is too long its end says more.
  const size_t too_long = frame.file.size() - std::min(frame.file.size(), sizeof(record.file) - 1);
  SetText(record.file, std::string_view(frame.file).substr(too_long));
  record.line = frame.line;
  return record;
}

}  // namespace

void LogWriter::FreeContext::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

LogWriter::LogWriter(WriteChunk write, int compression)
    : write_(std::move(write)), context_(ZSTD_createCCtx()) {
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, compression);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

LogWriter::~LogWriter() = default;

absl::Status LogWriter::Write(const Event& event) {
  EncodeEvent(event, raw_);
  return raw_.size() < kBlockTargetBytes ? failure_ : Flush();
}

absl::Status LogWriter::WriteStack(StackId id, const Stack& stack) {
  if (!named_.insert(id).second) return failure_;
  const size_t count = std::min(stack.frames.size(), kMaxFrames);
  // A stack without frames still says why it has none.
  for (size_t index = 0; index < std::max<size_t>(count, 1); ++index) {
    absl::Status status = Write(FrameRecord(id, stack, index, count));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status LogWriter::WriteOut(std::string_view chunk) {
  if (failure_.ok()) failure_ = write_(chunk);
  return failure_;
}

absl::Status LogWriter::Flush() {
  std::string chunk = std::exchange(begun_, true) ? "" : LogHeader();
  if (!raw_.empty()) {
    std::string compressed(ZSTD_compressBound(raw_.size()), '\0');
    const size_t size = ZSTD_compress2(context_.get(), compressed.data(), compressed.size(),
                                       raw_.data(), raw_.size());
    if (ZSTD_isError(size) != 0) {
      failure_ = absl::InternalError(
          absl::StrCat("compressing the log failed: ", ZSTD_getErrorName(size)));
      return failure_;
    }
    chunk += EncodeBlockHeader({static_cast<uint32_t>(size), static_cast<uint32_t>(raw_.size())});
    chunk.append(compressed, 0, size);
    raw_.clear();
  }
  return chunk.empty() ? failure_ : WriteOut(chunk);
}

absl::Status LogWriter::Finish() {
  absl::Status status = Flush();
  return status.ok() ? WriteOut(EncodeBlockHeader({})) : status;
}

}  // namespace waitscope
