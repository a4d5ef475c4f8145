// Many named stacks in little memory: stacks share frames, and frames share names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/core/stack.h"
#include "agent/pool.h"

namespace waitscope {

class StackStore {
 public:
  // In place of what was there under this identity. `turn`, never less than the last one, tells
  // how recently it was used.
  void Put(StackId id, const Stack& stack, uint64_t turn);
  std::optional<Stack> Find(StackId id) const;
  // Like Find, and it counts as used.
  std::optional<Stack> Use(StackId id, uint64_t turn);

  std::optional<uint64_t> LastUse(StackId id) const;

  // Drops the least recently used one, if its last use was no later than `turn`.
  bool ForgetOldest(uint64_t turn);

  size_t size() const { return stacks_.size(); }
  size_t bytes() const;

 private:
  struct PackedFrame {
    uint64_t address = 0;
    uint64_t file_offset = 0;
    uint32_t symbol = 0;
    uint32_t module = 0;
    uint32_t build_id = 0;
    uint32_t file = 0;
    uint32_t line = 0;

    friend bool operator==(const PackedFrame&, const PackedFrame&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const PackedFrame& frame) {
      return H::combine(std::move(state), frame.address, frame.file_offset, frame.symbol,
                        frame.module, frame.build_id, frame.file, frame.line);
    }
  };
  struct PackedStack {
    StackId id = 0;
    uint64_t turn = 0;
    std::vector<uint32_t> frames;
    uint32_t truncated = 0;
    unwind_class trust = UNWIND_CLASS_none;
  };
  using Rows = std::list<PackedStack>;

  uint32_t InternText(const std::string& text);
  void ReleaseText(uint32_t number);
  void ReleaseTexts(const PackedFrame& frame);
  uint32_t InternFrame(const Frame& frame);
  void ReleaseFrame(uint32_t number);
  PackedStack Packed(StackId id, const Stack& stack, uint64_t turn);
  Stack Unpacked(const PackedStack& stack) const;
  void Release(const PackedStack& stack);

  Pool<std::string> texts_;
  Pool<PackedFrame> frames_;
  Rows stacks_;  // the most recently used first
  absl::flat_hash_map<StackId, Rows::iterator> index_;
  size_t elsewhere_bytes_ = 0;  // of texts too long for their row, and of the stacks' frames
};

}  // namespace waitscope
