#include "agent/unwind/go_functions.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "agent/unwind/byte_reader.h"
#include "agent/unwind/frame_rule.h"
#include "agent/unwind/go_table.h"

namespace waitscope {
namespace {

constexpr size_t kMaxRows = 4 << 20;
constexpr size_t kMaxNameBytes = 64;

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

// What the rows of all functions are made of.
class RowReader {
 public:
  RowReader(const ElfImage& image, const GoTable& table)
      : names_(image.Read(table.names.offset, table.names.size)),
        deltas_(image.Read(table.deltas.offset, table.deltas.size)) {}

  // False: the table is not what it seems to be.
  bool Add(const GoFunction& function) {
    const uint64_t before = code_.rows.empty() ? 0 : code_.rows.back().first;
    if (function.begin < before || code_.rows.size() > kMaxRows) return false;
    code_.end = function.end;
    const std::string_view name = NameAt(function.name);
    const auto* const special =
        std::find_if(kSpecialFunctions.begin(), kSpecialFunctions.end(),
                     [&](const SpecialFunction& each) { return each.name == name; });
    if (special == kSpecialFunctions.end()) {
      AddDeltas(function);
      return true;
    }
    // Handlers return to the first byte, and the byte before is what is looked up.
    const bool signal = special->kind == UNWIND_CFA_signal;
    AddRow(signal && function.begin > before ? function.begin - 1 : function.begin,
           {.cfa_kind = static_cast<uint8_t>(special->kind)});
    return true;
  }

  std::optional<KnownCode> Take() {
    if (code_.rows.empty()) return std::nullopt;
    code_.begin = code_.rows.front().first;
    return std::move(code_);
  }

 private:
  static std::span<const uint8_t> From(const std::vector<uint8_t>& bytes, uint32_t offset) {
    return offset < bytes.size() ? std::span(bytes).subspan(offset) : std::span<const uint8_t>();
  }

  std::string_view NameAt(uint32_t offset) const {
    const auto bytes = From(names_, offset);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const size_t most = std::min(bytes.size(), kMaxNameBytes);
    return std::string_view(text, most).substr(0, std::string_view(text, most).find('\0'));
  }

  // Pairs of how much the delta changes and for how many bytes it holds. Offset 0 is no list.
  void AddDeltas(const GoFunction& function) {
    const auto [begin, end, name, offset] = function;
    ByteReader reader(offset == 0 ? std::span<const uint8_t>() : From(deltas_, offset));
    int64_t delta = -1;
    uint64_t address = begin;
    while (address < end && code_.rows.size() <= kMaxRows) {
      const uint64_t change = reader.Unsigned();
      const uint64_t length = reader.Unsigned();
      const bool ended = change == 0 && address != begin;
      if (!reader.ok() || ended || length == 0 || length > end - address) break;
      delta = static_cast<int64_t>(static_cast<uint64_t>(delta) + Unzigzag(change));
      AddRow(address, RuleOfDelta(delta));
      address += length;
    }
    if (address == begin) AddRow(begin, NoRule());
  }

  static uint64_t Unzigzag(uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

  void AddRow(uint64_t address, const unwind_rule& rule) { code_.rows.emplace_back(address, rule); }

  std::vector<uint8_t> names_;
  std::vector<uint8_t> deltas_;
  KnownCode code_;
};

}  // namespace

std::optional<KnownCode> FindGoFunctions(const ElfImage& image) {
  const std::optional<GoTable> table = FindGoTable(image);
  if (!table) return std::nullopt;
  RowReader reader(image, *table);
  const bool whole = ForEachGoFunction(
      image, *table, [&](const GoFunction& function) { return reader.Add(function); });
  return whole ? reader.Take() : std::nullopt;
}

}  // namespace waitscope
