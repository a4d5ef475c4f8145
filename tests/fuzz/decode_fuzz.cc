// Bytes nobody vouches for, as one record, as the records of a block, and as a whole log: folded
// into windows they may give an error or nonsense, but never a crash.
#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>

#include "agent/core/refine.h"
#include "agent/core/window_builder.h"
#include "agent/source/event_codec.h"
#include "agent/source/log_format.h"
#include "agent/source/log_reader.h"
#include "agent/source/log_symbolizer.h"

namespace waitscope {
namespace {

class Agent {
 public:
  void Fold(const Event& event) {
    if (const auto* frame = std::get_if<frame_event>(&event)) symbols_.Fold(*frame);
    std::optional<Window> window = builder_.Fold(event);
    if (!window) return;
    for (const auto& raw : window->stacks) {
      window->snapshot.stacks[raw->id] = symbols_.Resolve(*raw);
    }
    Refine(window->snapshot);
    Merge(merged_, window->snapshot);
  }

  void Read(const std::string& bytes) {
    std::istringstream in(bytes);
    LogReader reader(in);
    for (auto event = reader.Next(); event.ok() && event->has_value(); event = reader.Next()) {
      Fold(**event);
    }
  }

 private:
  LogSymbolizer symbols_;
  WindowBuilder builder_;
  Snapshot merged_;
};

std::string AsBlock(const std::string& raw) {
  std::string block(ZSTD_compressBound(raw.size()), '\0');
  block.resize(ZSTD_compress(block.data(), block.size(), raw.data(), raw.size(), 1));
  const BlockHeader header{static_cast<uint32_t>(block.size()), static_cast<uint32_t>(raw.size())};
  return LogHeader() + EncodeBlockHeader(header) + block;
}

}  // namespace
}  // namespace waitscope

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace waitscope;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  Agent agent;
  agent.Read(bytes);
  agent.Read(AsBlock(bytes));
  const auto event = DecodeEvent(std::as_bytes(std::span(data, size)));
  if (!event.ok()) return 0;
  agent.Fold(*event);
  std::string again;
  EncodeEvent(*event, again);
  if (!again.empty() && !DecodeEvent(std::as_bytes(std::span(again))).ok()) __builtin_trap();
  return 0;
}
