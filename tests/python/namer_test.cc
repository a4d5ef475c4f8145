#include "agent/python/namer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "tests/python/made_memory.h"

namespace waitscope {
namespace {

using testing::ElementsAre;

// Objects of Python's in this very process, as a reader of another process's memory finds them.
class Naming : public testing::Test {
 protected:
  // Texts and code objects refer to each other by address: copied to where they say they are.
  uint64_t Here(uint64_t made) const {
    return reinterpret_cast<uint64_t>(bytes_.data()) + (made - MadeMemory::kBegin);
  }
  uint64_t MakeCode(std::u32string_view name, uint32_t line) {
    const uint64_t text = memory_.Text(name);
    const uint64_t file = memory_.Text(U"/srv/server.py");
    const uint64_t code = memory_.Code(0, 0, line, 0);
    memory_.Set<uint64_t>(code + layout_.qualified_name, Here(text));
    memory_.Set<uint64_t>(code + layout_.filename, Here(file));
    bytes_.resize(memory_.size());
    memory_.Read(MadeMemory::kBegin, bytes_);
    return Here(code);
  }
  RawStack StackOf(const std::vector<uint64_t>& codes) const {
    RawStack raw;
    raw.python.push_back(python_ahead(static_cast<uint32_t>(codes.size()), PYTHON_whole, 11));
    for (const uint64_t code : codes) {
      raw.python.insert(raw.python.end(), {code, python_place(code, code + 190, 0)});
    }
    return raw;
  }
  std::vector<std::string> Shown(const RawStack& raw, bool live = true, uint64_t start_ticks = 1) {
    std::vector<std::string> shown;
    const std::vector<Frame> native = {
        {.symbol = "read"},
        {.symbol = "_PyEval_EvalFrameDefault", .module = "python3.9"},
        {.symbol = "main"}};
    for (const Frame& frame :
         namer_.Show(raw, {static_cast<uint32_t>(getpid()), start_ticks}, live, native)) {
      shown.push_back(frame.symbol);
      if (frame.line != 0) shown.back() += " " + frame.file + ":" + std::to_string(frame.line);
    }
    return shown;
  }

  const PythonLayout layout_ = *FixedPythonLayout(11);
  MadeMemory memory_{layout_};
  std::vector<uint8_t> bytes_ = ReservedBytes();
  // As the kernel side's map would answer.
  static std::optional<CodeObject> Kept(CodeCache::Life life, uint64_t code) {
    if (code != kKept) return std::nullopt;
    python_name kept{.start_ns = 19'999'999, .first_line = 3, .name_bytes = 4, .file_bytes = 4};
    std::copy_n("main", 4, kept.name);
    std::copy_n("a.py", 4, kept.file);
    return CodeObjectOf(kept, life);
  }
  static constexpr uint64_t kKept = 0x2000;

  PythonNamer namer_{[this](uint32_t) { return std::optional(layout_); },
                     [](CodeCache::Life life, uint64_t code) { return Kept(life, code); }, 1 << 20};

 private:
  static std::vector<uint8_t> ReservedBytes() {
    std::vector<uint8_t> bytes;
    bytes.reserve(1 << 16);  // addresses must not change
    return bytes;
  }
};

TEST_F(Naming, GivesFunctionFileAndLine) {
  const uint64_t inner = MakeCode(U"Handler.step", 12);
  const uint64_t outer = MakeCode(U"handle", 40);
  EXPECT_THAT(Shown(StackOf({inner, outer})), ElementsAre("read", "Handler.step /srv/server.py:12",
                                                          "handle /srv/server.py:40", "main"));
  EXPECT_EQ(namer_.frames(), 2U);
  EXPECT_EQ(namer_.gone(), 0U);
}

TEST_F(Naming, WhatAnExitedProcessTookAlongIsCounted) {
  const uint64_t known = MakeCode(U"handle", 40);
  Shown(StackOf({known}));
  EXPECT_THAT(Shown(StackOf({0x1000, known}), /*live=*/false),
              ElementsAre("read", "[python code gone]", "handle /srv/server.py:40", "main"));
  EXPECT_EQ(namer_.gone(), 1U);
}

TEST_F(Naming, WhatTheKernelKeptOfAnExitedProcessIsShown) {
  const std::vector<std::string> shown = Shown(StackOf({kKept}), /*live=*/false);
  EXPECT_THAT(shown, ElementsAre("read", "main a.py:3", "main"));
  EXPECT_EQ(namer_.gone(), 0U);
}

TEST_F(Naming, WhatTheKernelKeptOfAnotherLifeIsNot) {
  EXPECT_THAT(Shown(StackOf({kKept}), /*live=*/false, /*start_ticks=*/2),
              ElementsAre("read", "[python code gone]", "main"));
  EXPECT_THAT(Shown(StackOf({kKept}), /*live=*/false, /*start_ticks=*/0),
              ElementsAre("read", "main a.py:3", "main"));
}

TEST_F(Naming, AStackWithoutItsFramesSaysWhy) {
  EXPECT_THAT(Shown({}),
              ElementsAre("read", "[python frames unavailable: CPython 3.9 is not known]",
                          "_PyEval_EvalFrameDefault", "main"));
}

}  // namespace
}  // namespace waitscope
