// An answer's interned stacks as lists of named frames.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

using StackList = google::protobuf::RepeatedPtrField<v1::Stack>;
using FrameList = google::protobuf::RepeatedPtrField<v1::Frame>;

enum class FrameKind : uint8_t { kProcess, kThread, kUser, kKernel, kMark };

inline constexpr int kNoFrame = -1;

struct NamedFrame {
  std::string name;
  FrameKind kind = FrameKind::kUser;
  int frame = kNoFrame;  // index into the answer's frames

  friend bool operator==(const NamedFrame&, const NamedFrame&) = default;
};

// The symbol, with "(server.py:41)" behind it where the source is known; else "module+0x12", else
// the address.
std::string FrameName(const v1::Frame& frame);

// What stands at the root of flame graphs.
enum class Prefix : uint8_t { kNone, kProcess, kThread };

// Which frames are left.
enum class FrameChoice : uint8_t {
  kAll,
  kOwn,      // without how threads, calls and interpreters start
  kTelling,  // also without the way from a call to the wait it ends in
};

struct StackView {
  Prefix prefix = Prefix::kProcess;
  FrameChoice choice = FrameChoice::kOwn;
};

// One path from root to leaf with the time spent there.
struct WeightedStack {
  std::vector<NamedFrame> frames;  // root first
  std::string wait_class;
  uint64_t ns = 0;
  uint64_t count = 0;
  size_t folded = 0;  // frames left out
  const v1::Sample* sample = nullptr;
};

// All samples of a profile. A broken walk has "[truncated: reason]" where its root should be.
// For kind "waker" the waker's frames stand on top of the wakee's, leaf first, so that reading on
// leads from the wait to whoever ended it.
std::vector<WeightedStack> WeightedStacks(const v1::ProfileResponse& profile,
                                          const StackView& view);

// Frames of one stack, root first. Index 0 and indices out of range give nothing.
std::vector<NamedFrame> FramesOf(const StackList& stacks, const FrameList& frames, uint32_t index,
                                 FrameKind kind);

}  // namespace waitscope::cli
