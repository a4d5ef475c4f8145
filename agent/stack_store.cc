#include "agent/stack_store.h"

#include <utility>

namespace waitscope {
namespace {

constexpr size_t kAllocationBytes = 16;  // what the allocator adds, with rounding

size_t BytesElsewhere(const std::string& text) {
  static const size_t kRoomInRow = std::string().capacity();
  return text.size() > kRoomInRow ? text.size() + 1 + kAllocationBytes : 0;
}

size_t BytesElsewhere(const std::vector<uint32_t>& frames) {
  return frames.size() * sizeof(uint32_t) + kAllocationBytes;
}

}  // namespace

uint32_t StackStore::InternText(const std::string& text) {
  const auto [number, added] = texts_.Intern(text);
  if (added) elsewhere_bytes_ += BytesElsewhere(text);
  return number;
}

void StackStore::ReleaseText(uint32_t number) {
  if (const auto gone = texts_.Release(number)) elsewhere_bytes_ -= BytesElsewhere(*gone);
}

void StackStore::ReleaseTexts(const PackedFrame& frame) {
  for (const uint32_t text : {frame.symbol, frame.module, frame.build_id, frame.file}) {
    ReleaseText(text);
  }
}

uint32_t StackStore::InternFrame(const Frame& frame) {
  const auto& [address, file_offset, symbol, module, build_id, file, line] = frame;
  const PackedFrame packed{
      address,          file_offset, InternText(symbol), InternText(module), InternText(build_id),
      InternText(file), line};
  const auto [number, added] = frames_.Intern(packed);
  if (!added) ReleaseTexts(packed);
  return number;
}

void StackStore::ReleaseFrame(uint32_t number) {
  const auto gone = frames_.Release(number);
  if (gone) ReleaseTexts(*gone);
}

StackStore::PackedStack StackStore::Packed(StackId id, const Stack& stack, uint64_t turn) {
  const auto& [frames, truncated, trust] = stack;
  PackedStack packed{
      .id = id, .turn = turn, .frames = {}, .truncated = InternText(truncated), .trust = trust};
  packed.frames.reserve(frames.size());
  for (const Frame& frame : frames) packed.frames.push_back(InternFrame(frame));
  elsewhere_bytes_ += BytesElsewhere(packed.frames);
  return packed;
}

void StackStore::Release(const PackedStack& stack) {
  for (const uint32_t frame : stack.frames) ReleaseFrame(frame);
  ReleaseText(stack.truncated);
  elsewhere_bytes_ -= BytesElsewhere(stack.frames);
}

Stack StackStore::Unpacked(const PackedStack& stack) const {
  Stack unpacked;
  unpacked.truncated = texts_.At(stack.truncated);
  unpacked.trust = stack.trust;
  unpacked.frames.reserve(stack.frames.size());
  for (const uint32_t number : stack.frames) {
    const PackedFrame& frame = frames_.At(number);
    unpacked.frames.push_back({frame.address, frame.file_offset, texts_.At(frame.symbol),
                               texts_.At(frame.module), texts_.At(frame.build_id),
                               texts_.At(frame.file), frame.line});
  }
  return unpacked;
}

void StackStore::Put(StackId id, const Stack& stack, uint64_t turn) {
  PackedStack packed = Packed(id, stack, turn);
  const auto known = index_.find(id);
  if (known == index_.end()) {
    stacks_.push_front(std::move(packed));
    index_[id] = stacks_.begin();
    return;
  }
  Release(*known->second);
  *known->second = std::move(packed);
  stacks_.splice(stacks_.begin(), stacks_, known->second);
}

std::optional<Stack> StackStore::Find(StackId id) const {
  const auto known = index_.find(id);
  if (known == index_.end()) return std::nullopt;
  return Unpacked(*known->second);
}

std::optional<Stack> StackStore::Use(StackId id, uint64_t turn) {
  const auto known = index_.find(id);
  if (known == index_.end()) return std::nullopt;
  known->second->turn = turn;
  stacks_.splice(stacks_.begin(), stacks_, known->second);
  return Unpacked(*known->second);
}

std::optional<uint64_t> StackStore::LastUse(StackId id) const {
  const auto known = index_.find(id);
  if (known == index_.end()) return std::nullopt;
  return known->second->turn;
}

bool StackStore::ForgetOldest(uint64_t turn) {
  if (stacks_.empty() || stacks_.back().turn > turn) return false;
  Release(stacks_.back());
  index_.erase(stacks_.back().id);
  stacks_.pop_back();
  return true;
}

size_t StackStore::bytes() const {
  constexpr size_t kRow = sizeof(PackedStack) + 2 * sizeof(void*) + kAllocationBytes;
  constexpr size_t kIndex = 2 * (sizeof(StackId) + sizeof(Rows::iterator) + 1);
  return texts_.bytes() + frames_.bytes() + elsewhere_bytes_ + stacks_.size() * (kRow + kIndex);
}

}  // namespace waitscope
