#include "agent/python/walk.h"

#include <array>
#include <cstring>
#include <span>

namespace waitscope {
namespace {

// The beginning of one object at a time.
class Walk {
 public:
  Walk(const python_layout& layout, const ReadMemory& read) : layout_(layout), read_(read) {}

  bool FindThread(uint64_t interpreter, uint32_t tid);
  // 0: the thread runs nothing.
  uint64_t FirstFrame() const;
  python_outcome Frames(uint64_t frame, std::vector<uint64_t>& words);
  uint64_t Pointer(uint64_t address) const;

 private:
  bool Load(uint64_t address, size_t bytes);
  uint64_t Word(size_t offset) const;
  bool TryThread(uint64_t thread, uint32_t tid);
  void AddFrame(std::vector<uint64_t>& words) const;

  const python_layout& layout_;
  const ReadMemory& read_;
  std::array<uint8_t, PYTHON_READ_BYTES> object_{};
};

bool Walk::Load(uint64_t address, size_t bytes) {
  return bytes <= object_.size() && read_(address, std::span(object_).first(bytes)) == bytes;
}

uint64_t Walk::Word(size_t offset) const {
  uint64_t word = 0;
  if (offset + sizeof(word) <= object_.size()) {
    std::memcpy(&word, object_.data() + offset, sizeof(word));
  }
  return word;
}

uint64_t Walk::Pointer(uint64_t address) const {
  std::array<uint8_t, sizeof(uint64_t)> bytes{};
  uint64_t word = 0;
  if (read_(address, bytes) == bytes.size()) std::memcpy(&word, bytes.data(), sizeof(word));
  return word;
}

bool Walk::TryThread(uint64_t thread, uint32_t tid) {
  return Load(thread, layout_.thread_bytes) &&
         static_cast<uint32_t>(Word(layout_.native_thread_id)) == tid;
}

// Bounded over all interpreters together: their lists may have no end.
bool Walk::FindThread(uint64_t interpreter, uint32_t tid) {
  uint64_t thread = 0;
  for (int steps = 0; steps < PYTHON_MAX_THREADS; ++steps) {
    if (thread == 0) {
      if (interpreter == 0) return false;
      thread = Pointer(interpreter + layout_.threads_head);
      interpreter = Pointer(interpreter + layout_.next_interpreter);
      continue;
    }
    if (TryThread(thread, tid)) return true;
    thread = Word(layout_.next_thread);
  }
  return false;
}

uint64_t Walk::FirstFrame() const {
  const uint64_t frame = Word(layout_.current_frame);
  if (frame == 0 || layout_.cframe_frame == PYTHON_NONE) return frame;
  return Pointer(frame + layout_.cframe_frame);
}

void Walk::AddFrame(std::vector<uint64_t>& words) const {
  if (object_.at(layout_.owner) == layout_.entry_owner) {
    words.insert(words.end(), {0, PYTHON_ENTRY});
    return;
  }
  const uint64_t code = Word(layout_.code);
  const bool is_entry = layout_.is_entry != PYTHON_NONE && object_.at(layout_.is_entry) != 0;
  words.insert(words.end(),
               {code, python_place(code, Word(layout_.instruction), is_entry ? 1 : 0)});
}

python_outcome Walk::Frames(uint64_t frame, std::vector<uint64_t>& words) {
  for (int count = 0; count < WS_PYTHON_FRAMES; ++count) {
    if (frame == 0) return PYTHON_whole;
    if (!Load(frame, layout_.frame_bytes)) return PYTHON_read_failed;
    AddFrame(words);
    frame = Word(layout_.previous);
  }
  return frame == 0 ? PYTHON_whole : PYTHON_too_deep;
}

}  // namespace

std::vector<uint64_t> WalkPython(const PythonProcess& process, uint32_t tid,
                                 const ReadMemory& read) {
  const python_layout& layout = process.layout.walk;
  Walk walk(layout, read);
  std::vector<uint64_t> words = {0};
  python_outcome outcome = PYTHON_no_thread;
  if (walk.FindThread(walk.Pointer(process.runtime + layout.interpreters_head), tid)) {
    outcome = walk.Frames(walk.FirstFrame(), words);
  }
  const auto frames = static_cast<uint32_t>((words.size() - 1) / 2);
  words[0] = python_ahead(frames, outcome, layout.minor);
  return words;
}

}  // namespace waitscope
