#include "agent/unwind/go_functions.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "agent/unwind/byte_reader.h"
#include "agent/unwind/frame_rule.h"

namespace waitscope {
namespace {

// The largest programs have 60 MB of it.
constexpr uint64_t kMaxTableBytes = 128 << 20;
constexpr uint64_t kMaxFunctions = 1 << 21;
constexpr size_t kMaxRows = 4 << 20;
constexpr size_t kMaxNameBytes = 64;

constexpr uint32_t kMagic116 = 0xfffffffa;
constexpr uint32_t kMagic118 = 0xfffffff0;
constexpr uint32_t kMagic120 = 0xfffffff1;

// A frame is as large as the stack pointer has moved, and the return address more. Whatever has
// moved it saved rbp first, as all Go code does since 1.7; hand-written code that does not, keeps
// nothing in rbp that another frame would need.
unwind_rule RuleOfDelta(int64_t delta) {
  if (delta < 0 || delta > INT32_MAX - 8) return UnsupportedRule();
  unwind_rule rule = StackRule(static_cast<int32_t>(delta) + 8);
  if (delta == 0) return rule;
  rule.rbp_kind = UNWIND_SAVED_at_cfa;
  rule.rbp_off = -16;
  return rule;
}

// Functions whose frame says more than the stack pointer's way does.
struct SpecialFunction {
  std::string_view name;
  unwind_cfa_kind kind;
};
constexpr std::array kSpecialFunctions = {
    // The roots of goroutines, of threads, and of the stacks that schedulers run on: runtime's
    // own topofstack().
    SpecialFunction{"_rt0_amd64_linux", UNWIND_CFA_end},
    SpecialFunction{"_rt0_amd64", UNWIND_CFA_end},
    SpecialFunction{"runtime.rt0_go.abi0", UNWIND_CFA_end},
    SpecialFunction{"runtime.rt0_go", UNWIND_CFA_end},
    SpecialFunction{"runtime.goexit.abi0", UNWIND_CFA_end},
    SpecialFunction{"runtime.goexit", UNWIND_CFA_end},
    SpecialFunction{"runtime.mstart.abi0", UNWIND_CFA_end},
    SpecialFunction{"runtime.mstart", UNWIND_CFA_end},
    SpecialFunction{"runtime.mcall", UNWIND_CFA_end},
    SpecialFunction{"runtime.morestack.abi0", UNWIND_CFA_end},
    SpecialFunction{"runtime.morestack", UNWIND_CFA_end},
    // What handlers return to.
    SpecialFunction{"runtime.sigreturn.abi0", UNWIND_CFA_signal},
    SpecialFunction{"runtime.sigreturn", UNWIND_CFA_signal},
    SpecialFunction{"runtime.sigreturn__sigaction.abi0", UNWIND_CFA_signal},
    SpecialFunction{"runtime.sigreturn__sigaction", UNWIND_CFA_signal},
    // These run their callees on another stack: the way back is in no register.
    SpecialFunction{"runtime.systemstack.abi0", UNWIND_CFA_unsupported},
    SpecialFunction{"runtime.systemstack", UNWIND_CFA_unsupported},
    SpecialFunction{"runtime.asmcgocall.abi0", UNWIND_CFA_unsupported},
    SpecialFunction{"runtime.asmcgocall", UNWIND_CFA_unsupported},
    SpecialFunction{"runtime.cgocallback.abi0", UNWIND_CFA_unsupported},
    SpecialFunction{"runtime.cgocallback", UNWIND_CFA_unsupported}};

// The places in the table, and what changed between versions.
struct Layout {
  bool has_text_start = true;  // since 1.18; before, entries were whole addresses
  uint64_t functions = 0;
  uint64_t text_start = 0;
  uint64_t names = 0;
  uint64_t deltas = 0;
  uint64_t index = 0;
};

class GoTable {
 public:
  GoTable(std::vector<uint8_t> bytes, const ElfImage& image) : bytes_(std::move(bytes)) {
    ByteReader reader(bytes_);
    const auto magic = reader.Fixed<uint32_t>();
    layout_.has_text_start = magic == kMagic118 || magic == kMagic120;
    reader.Fixed<uint16_t>();
    const uint8_t quantum = reader.Byte();
    const uint8_t pointer_bytes = reader.Byte();
    const bool known = layout_.has_text_start || magic == kMagic116;
    usable_ = known && quantum == 1 && pointer_bytes == sizeof(uint64_t);
    layout_.functions = reader.Fixed<uint64_t>();
    reader.Fixed<uint64_t>();  // files
    if (layout_.has_text_start) layout_.text_start = TextStart(reader.Fixed<uint64_t>(), image);
    layout_.names = reader.Fixed<uint64_t>();
    reader.Fixed<uint64_t>();  // compilation units
    reader.Fixed<uint64_t>();  // file names
    layout_.deltas = reader.Fixed<uint64_t>();
    layout_.index = reader.Fixed<uint64_t>();
    usable_ = usable_ && reader.ok() && layout_.functions <= kMaxFunctions;
  }

  std::optional<KnownCode> Read() {
    if (!usable_ || layout_.functions == 0) return std::nullopt;
    for (uint64_t i = 0; i < layout_.functions; ++i) {
      if (!AddFunction(EntryAt(i), EntryAt(i + 1), FunctionAt(i))) return std::nullopt;
    }
    code_.begin = code_.rows.front().first;
    code_.end = EntryAt(layout_.functions);
    return std::move(code_);
  }

 private:
  // Position-independent programs have it filled in when they are loaded.
  static uint64_t TextStart(uint64_t told, const ElfImage& image) {
    const ElfImage::Section* const text = image.FindSection(".text");
    return told == 0 && text != nullptr ? text->address : told;
  }

  std::span<const uint8_t> From(uint64_t offset) const {
    return offset < bytes_.size() ? std::span(bytes_).subspan(offset) : std::span<const uint8_t>();
  }

  template <typename T>
  T At(uint64_t offset) const {
    return ByteReader(From(offset)).Fixed<T>();
  }

  uint64_t EntryAt(uint64_t index) const {
    if (!layout_.has_text_start) return At<uint64_t>(layout_.index + index * 16);
    return layout_.text_start + At<uint32_t>(layout_.index + index * 8);
  }

  // Where the function's own record begins, behind its entry.
  uint64_t FunctionAt(uint64_t index) const {
    if (layout_.has_text_start) {
      return layout_.index + At<uint32_t>(layout_.index + index * 8 + 4) + sizeof(uint32_t);
    }
    return layout_.index + At<uint64_t>(layout_.index + index * 16 + 8) + sizeof(uint64_t);
  }

  std::string_view NameAt(uint64_t offset) const {
    const auto bytes = From(layout_.names + offset);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const size_t most = std::min(bytes.size(), kMaxNameBytes);
    return std::string_view(text, most).substr(0, std::string_view(text, most).find('\0'));
  }

  // False: the table is not what it seems to be.
  bool AddFunction(uint64_t begin, uint64_t end, uint64_t record) {
    constexpr uint64_t kName = 0;
    constexpr uint64_t kDeltas = 12;
    const uint64_t before = code_.rows.empty() ? 0 : code_.rows.back().first;
    if (begin >= end || end > INT64_MAX || begin < before || code_.rows.size() > kMaxRows) {
      return false;
    }
    const std::string_view name = NameAt(At<uint32_t>(record + kName));
    const auto* const special =
        std::find_if(kSpecialFunctions.begin(), kSpecialFunctions.end(),
                     [&](const SpecialFunction& each) { return each.name == name; });
    if (special == kSpecialFunctions.end()) {
      AddDeltas(begin, end, At<uint32_t>(record + kDeltas));
      return true;
    }
    // Handlers return to the first byte, and the byte before is what is looked up.
    const bool signal = special->kind == UNWIND_CFA_signal;
    Add(signal && begin > before ? begin - 1 : begin,
        {.cfa_kind = static_cast<uint8_t>(special->kind)});
    return true;
  }

  // Pairs of how much the delta changes and for how many bytes it holds. Offset 0 is no list.
  void AddDeltas(uint64_t begin, uint64_t end, uint32_t offset) {
    ByteReader reader(offset == 0 ? std::span<const uint8_t>() : From(layout_.deltas + offset));
    int64_t delta = -1;
    uint64_t address = begin;
    while (address < end) {
      const uint64_t change = reader.Unsigned();
      const uint64_t length = reader.Unsigned();
      const bool ended = change == 0 && address != begin;
      if (!reader.ok() || ended || length == 0 || length > end - address) break;
      delta = static_cast<int64_t>(static_cast<uint64_t>(delta) + Unzigzag(change));
      Add(address, RuleOfDelta(delta));
      address += length;
    }
    if (address == begin) Add(begin, NoRule());
  }

  static uint64_t Unzigzag(uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

  void Add(uint64_t address, const unwind_rule& rule) { code_.rows.emplace_back(address, rule); }

  std::vector<uint8_t> bytes_;
  Layout layout_;
  bool usable_ = false;
  KnownCode code_;
};

const ElfImage::Section* FindTable(const ElfImage& image) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    if (const auto* section = image.FindSection(name)) return section;
  }
  return nullptr;
}

}  // namespace

std::optional<KnownCode> FindGoFunctions(const ElfImage& image) {
  const ElfImage::Section* const section = FindTable(image);
  if (section == nullptr || section->size > kMaxTableBytes) return std::nullopt;
  return GoTable(image.Read(section->offset, section->size), image).Read();
}

}  // namespace waitscope
