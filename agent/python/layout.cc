#include "agent/python/layout.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace waitscope {
namespace {

constexpr uint32_t kThreeThirteen = 13;
// The owner of a frame that only marks where C code called the interpreter
// (FRAME_OWNED_BY_CSTACK): in 3.12 and 3.13.
constexpr uint8_t kOwnedByCStack = 3;

// Include/internal/pycore_{runtime,interp,frame}.h, Include/cpython/{pystate,code,unicodeobject}.h
// of 3.11.2 on x86-64.
constexpr PythonLayout k311 = {
    .walk = {.interpreters_head = 40,
             .threads_head = 16,
             .next_interpreter = 0,
             .next_thread = 8,
             .native_thread_id = 160,
             .current_frame = 56,
             .cframe_frame = 8,
             .thread_bytes = 168,
             .code = 32,
             .previous = 48,
             .instruction = 56,
             .owner = 69,
             .is_entry = 68,
             .frame_bytes = 70,
             .entry_owner = PYTHON_NO_OWNER,
             .minor = 11},
    .filename = 112,
    .qualified_name = 128,
    .line_table = 136,
    .first_line = 72,
    .instructions = 184,
    .ascii_text = 48,
    .other_text = 72,
};

// The same of 3.12.1.
constexpr PythonLayout k312 = {
    .walk = {.interpreters_head = 40,
             .threads_head = 72,
             .next_interpreter = 0,
             .next_thread = 8,
             .native_thread_id = 144,
             .current_frame = 56,
             .cframe_frame = 0,
             .thread_bytes = 152,
             .code = 0,
             .previous = 8,
             .instruction = 56,
             .owner = 70,
             .is_entry = PYTHON_NONE,
             .frame_bytes = 71,
             .entry_owner = kOwnedByCStack,
             .minor = 12},
    .filename = 112,
    .qualified_name = 128,
    .line_table = 136,
    .first_line = 68,
    .instructions = 192,
    .ascii_text = 40,
    .other_text = 56,
};

// The words of _Py_DebugOffsets (Include/internal/pycore_runtime.h of 3.13), by their place.
enum Word : size_t {
  kCookie = 0,
  kVersion = 1,
  kFreeThreaded = 2,
  kInterpretersHead = 5,
  kNextInterpreter = 8,
  kThreadsHead = 9,
  kNextThread = 21,
  kCurrentFrame = 23,
  kNativeThreadId = 25,
  kPrevious = 29,
  kExecutable = 30,
  kInstruction = 31,
  kOwner = 33,
  kFilename = 35,
  kQualifiedName = 37,
  kLineTable = 38,
  kFirstLine = 39,
  kInstructions = 43,
  kWords = 44,
};
static_assert(kWords * sizeof(uint64_t) == kPythonDescriptionBytes);

using Words = std::array<uint64_t, kWords>;

constexpr char kCookieText[] = "xdebugpy";
constexpr uint64_t kMostOfRuntime = 1 << 24;
constexpr uint64_t kMostOfCode = 4096;

bool IsThreeThirteen(const Words& words) {
  return std::memcmp(&words[kCookie], kCookieText, sizeof(uint64_t)) == 0 &&
         words[kVersion] >> 16 == (3 << 8 | kThreeThirteen) && words[kFreeThreaded] == 0;
}

// Below what is read of each struct: anything else is no description.
bool IsSane(const Words& words) {
  const auto below = [&](std::initializer_list<Word> places, uint64_t limit) {
    return std::all_of(places.begin(), places.end(),
                       [&](Word place) { return words[place] < limit; });
  };
  return below({kInterpretersHead, kNextInterpreter, kThreadsHead}, kMostOfRuntime) &&
         below({kNextThread, kCurrentFrame, kNativeThreadId, kPrevious, kExecutable, kInstruction,
                kOwner},
               PYTHON_READ_BYTES - 8) &&
         below({kFilename, kQualifiedName, kLineTable, kFirstLine, kInstructions}, kMostOfCode);
}

python_layout WalkOf(const Words& words) {
  const auto small = [&](Word place) { return static_cast<uint16_t>(words[place]); };
  const auto large = [&](Word place) { return static_cast<uint32_t>(words[place]); };
  const auto end = [](std::initializer_list<uint64_t> offsets) {
    return static_cast<uint16_t>(std::max(offsets) + sizeof(uint64_t));
  };
  return {.interpreters_head = large(kInterpretersHead),
          .threads_head = large(kThreadsHead),
          .next_interpreter = large(kNextInterpreter),
          .next_thread = small(kNextThread),
          .native_thread_id = small(kNativeThreadId),
          .current_frame = small(kCurrentFrame),
          .cframe_frame = PYTHON_NONE,
          .thread_bytes = end({words[kNextThread], words[kCurrentFrame], words[kNativeThreadId]}),
          .code = small(kExecutable),
          .previous = small(kPrevious),
          .instruction = small(kInstruction),
          .owner = small(kOwner),
          .is_entry = PYTHON_NONE,
          .frame_bytes = std::max(end({words[kPrevious], words[kExecutable], words[kInstruction]}),
                                  static_cast<uint16_t>(words[kOwner] + 1)),
          .entry_owner = kOwnedByCStack,
          .minor = kThreeThirteen};
}

// The kernel side reads only the beginning of a code object.
PythonLayout WithNames(PythonLayout layout) {
  layout.walk.qualified_name = PYTHON_NONE;
  if (layout.code_bytes() > PYTHON_CODE_BYTES) return layout;
  layout.walk.filename = static_cast<uint16_t>(layout.filename);
  layout.walk.qualified_name = static_cast<uint16_t>(layout.qualified_name);
  layout.walk.first_line = static_cast<uint16_t>(layout.first_line);
  layout.walk.ascii_text = static_cast<uint16_t>(layout.ascii_text);
  return layout;
}

}  // namespace

uint32_t PythonLayout::code_bytes() const {
  return std::max({filename, qualified_name, line_table, first_line}) +
         static_cast<uint32_t>(sizeof(uint64_t));
}

std::optional<PythonLayout> FixedPythonLayout(uint32_t minor) {
  if (minor == k311.walk.minor) return WithNames(k311);
  if (minor == k312.walk.minor) return WithNames(k312);
  return std::nullopt;
}

std::optional<PythonLayout> DescribedPythonLayout(std::span<const uint8_t> runtime) {
  Words words{};
  if (runtime.size() < sizeof(words)) return std::nullopt;
  std::memcpy(words.data(), runtime.data(), sizeof(words));
  if (!IsThreeThirteen(words) || !IsSane(words)) return std::nullopt;
  const auto at = [&](Word place) { return static_cast<uint32_t>(words[place]); };
  return WithNames({.walk = WalkOf(words),
                    .filename = at(kFilename),
                    .qualified_name = at(kQualifiedName),
                    .line_table = at(kLineTable),
                    .first_line = at(kFirstLine),
                    .instructions = at(kInstructions),
                    .ascii_text = k312.ascii_text,
                    .other_text = k312.other_text});
}

}  // namespace waitscope
