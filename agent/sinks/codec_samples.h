// Samples as answers carry them.
#pragma once

#include "agent/core/snapshot.h"
#include "agent/sinks/codec_parts.h"
#include "waitscope/v1/snapshot.pb.h"

namespace waitscope {

class SampleEncoder {
 public:
  SampleEncoder(const Snapshot& snapshot, StackInterner& interner)
      : snapshot_(snapshot), interner_(interner) {}

  // All but the index of its thread, which the answer hands out.
  v1::Sample Encode(const SampleKey& key, const SampleValue& value) const;

 private:
  void SetObject(const SampleKey& key, const SampleValue& value, v1::Sample& sample) const;
  void SetWaker(const SampleKey& key, v1::Sample& sample) const;

  const Snapshot& snapshot_;
  StackInterner& interner_;
};

}  // namespace waitscope
