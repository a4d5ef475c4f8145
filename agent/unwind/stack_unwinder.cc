#include "agent/unwind/stack_unwinder.h"

#include <cstring>
#include <utility>

namespace waitscope {
namespace {

// Accessors of the shared searches: `from` is a view.
const unwind_mapping* MappingAt(void* from, uint32_t index) {
  const auto& mappings = static_cast<const UnwindView*>(from)->mappings;
  return index < mappings.size() ? &mappings[index] : nullptr;
}

uint32_t PageAt(void* from, uint32_t index) {
  const auto& pages = static_cast<const UnwindView*>(from)->pages;
  return index < pages.size() ? pages[index] : 0;
}

uint32_t RowAt(void* from, uint32_t index) {
  const auto& rows = static_cast<const UnwindView*>(from)->rows;
  return index < rows.size() ? rows[index] : 0;
}

class Memory {
 public:
  Memory(const StackSample& sample, const ReadLiveWord& read_live)
      : sample_(sample), read_live_(read_live) {}

  bool Read(uint64_t address, uint64_t* word) {
    const uint64_t at = address - sample_.window_address;
    if (at < sample_.window.size() && sample_.window.size() - at >= sizeof(*word)) {
      std::memcpy(word, sample_.window.data() + at, sizeof(*word));
      return true;
    }
    if (read_live_ && read_live_(address, word)) {
      used_live_ = true;
      return true;
    }
    past_window_ = !read_live_ && address >= sample_.window_address;
    return false;
  }

  // An unwind_read_word; its words are another type of the same 64 bits.
  static int ReadWord(void* from, __u64 address, __u64* word) {
    uint64_t value = 0;
    if (!static_cast<Memory*>(from)->Read(address, &value)) return 1;
    *word = value;
    return 0;
  }

  bool used_live() const { return used_live_; }
  // The last read that failed would have needed a longer window.
  bool past_window() const { return past_window_; }

 private:
  const StackSample& sample_;
  const ReadLiveWord& read_live_;
  bool used_live_ = false;
  bool past_window_ = false;
};

class Walk {
 public:
  Walk(UnwindView view, const StackSample& sample, const ReadLiveWord& read_live)
      : view_(std::move(view)),
        registers_(sample.registers),
        newborn_(unwind_is_newborn(&sample.registers, sample.orig_ax, sample.ax)),
        memory_(sample, read_live) {}

  UnwoundStack Run(uint64_t orig_ax) {
    UnwoundStack stack;
    int step = UNWIND_CALLER;
    while (step == UNWIND_CALLER && frames_.size() < UNWIND_MAX_FRAMES) {
      frames_.push_back(unwind_shown_pc(&registers_));
      step = Step();
    }
    if (step == UNWIND_CALLER) step = UNWIND_STOP_too_deep;
    const int complete = memory_.used_live() ? UNWIND_CLASS_late_live : UNWIND_CLASS_late;
    stack.trust = static_cast<unwind_class>(unwind_class_of(step, registers_.guessed, complete));
    if (unwind_is_exec(orig_ax, step)) stack.trust = UNWIND_CLASS_exec;
    if (stack.trust == UNWIND_CLASS_truncated) stack.stop = ReasonOf(step);
    stack.frames = std::move(frames_);
    return stack;
  }

 private:
  // Returns what a step of bpf/unwind/step.h does.
  int Step() {
    const uint64_t pc = unwind_lookup_pc(&registers_);
    const unwind_mapping* const mapping =
        unwind_find_mapping(MappingAt, &view_, 0, static_cast<uint32_t>(view_.mappings.size()), pc);
    if (mapping == nullptr) return UNWIND_STOP_no_mapping;
    if (mapping->type == UNWIND_MAPPING_no_table) return UNWIND_STOP_no_table;
    if (mapping->type == UNWIND_MAPPING_anonymous) return StepInRunTime();
    unwind_range range = {};
    const uint32_t index = unwind_find_rule(PageAt, RowAt, &view_, &range, mapping->page_base,
                                            mapping->npages, pc - mapping->bias);
    if (index >= view_.rules.size()) return UNWIND_STOP_no_rule;
    const int step = unwind_step(&view_.rules[index], &registers_, Memory::ReadWord, &memory_);
    if (step != UNWIND_STOP_no_rule) return step;
    const int guess = Guess();
    return guess == UNWIND_STOP_frame_pointer ? static_cast<int>(UNWIND_STOP_no_rule) : guess;
  }

  int StepInRunTime() {
    if (view_.hotspot == nullptr || !view_.read_code) return Guess();
    __u64 method = 0;
    const int step = hotspot_step(view_.hotspot, &registers_, ReadWord, ReadCode, this, &method);
    if (step == HOTSPOT_UNKNOWN) return Guess();
    if (method != 0) frames_.back() = method | HOTSPOT_METHOD_BIT;
    return step;
  }

  // An unwind_read_word and a hotspot_read; `from` is a walk.
  static int ReadWord(void* from, __u64 address, __u64* word) {
    return Memory::ReadWord(&static_cast<Walk*>(from)->memory_, address, word);
  }

  static int ReadCode(void* from, __u64 address, void* to, __u32 bytes) {
    const auto& read = static_cast<Walk*>(from)->view_.read_code;
    return read(address, {static_cast<uint8_t*>(to), bytes}) == bytes ? 0 : 1;
  }

  int Guess() {
    if (newborn_ && registers_.leaf) {
      registers_.guessed = 1;
      return UNWIND_ROOT;
    }
    uint64_t code = 0;
    memory_.Read(registers_.pc, &code);
    return unwind_guess(&registers_, code, Memory::ReadWord, &memory_);
  }

  unwind_stop ReasonOf(int step) const {
    if (step == UNWIND_STOP_read_failed && memory_.past_window()) return UNWIND_STOP_window_end;
    return static_cast<unwind_stop>(step);
  }

  UnwindView view_;
  unwind_registers registers_;
  bool newborn_;
  Memory memory_;
  std::vector<uint64_t> frames_;
};

}  // namespace

UnwoundStack UnwindStack(const UnwindView& view, const StackSample& sample,
                         const ReadLiveWord& read_live) {
  return Walk(view, sample, read_live).Run(sample.orig_ax);
}

}  // namespace waitscope
