#include "agent/unwind/v8_builtins.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/unwind/named_symbols.h"
#include "bpf/unwind/v8.h"

namespace waitscope {
namespace {

// The first types are as in enum v8_type, the last two may be the highest.
constexpr size_t kTypes = 9;
constexpr size_t kNeededTypes = 4;
constexpr size_t kCode = kTypes;
constexpr size_t kSize = kTypes + 1;
constexpr size_t kMarkAt = kTypes + 2;
constexpr size_t kTagMask = kTypes + 3;

// V8's metadata for debuggers that look at a process from outside, and where its builtins are.
constexpr std::array<absl::string_view, kTypes + 4> kNames = {
    "v8dbg_frametype_EntryFrame",
    "v8dbg_frametype_ConstructEntryFrame",
    "v8dbg_frametype_ExitFrame",
    "v8dbg_frametype_BuiltinExitFrame",
    "v8dbg_frametype_ApiCallbackExitFrame",
    "v8dbg_frametype_ApiAccessorExitFrame",
    "v8dbg_frametype_StackSwitchFrame",
    "v8dbg_frametype_NativeFrame",
    "v8dbg_frametype_IrregexpFrame",
    "v8_Default_embedded_blob_code_",
    "v8_Default_embedded_blob_code_size_",
    "v8dbg_off_fp_context_or_frame_type",
    "v8dbg_SmiTagMask"};

using Addresses = std::vector<std::optional<uint64_t>>;

std::optional<int32_t> ConstantAt(const ElfImage& image, std::optional<uint64_t> address) {
  if (!address) return std::nullopt;
  const std::vector<uint8_t> bytes = image.ReadAddress(*address, sizeof(int32_t));
  int32_t value = 0;
  if (bytes.size() != sizeof(value)) return std::nullopt;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

bool HasKnownLayout(const ElfImage& image, const Addresses& at) {
  return ConstantAt(image, at[kMarkAt]) == V8_CONTEXT_OR_MARK &&
         ConstantAt(image, at[kTagMask]) == 1;
}

// The word that a rule of V8's has instead of its offsets.
std::optional<uint64_t> TypesIn(const ElfImage& image, const Addresses& at) {
  uint64_t types = 0;
  uint64_t last = 0;
  for (size_t i = 0; i < kTypes; ++i) {
    const int32_t type = ConstantAt(image, at[i]).value_or(0);
    if (type < 0 || type > UINT8_MAX || (type == 0 && i < kNeededTypes)) return std::nullopt;
    if (i < V8_TYPE_last) types |= static_cast<uint64_t>(type) << 8 * i;
    last = std::max(last, static_cast<uint64_t>(type));
  }
  return types | last << 8 * V8_TYPE_last;
}

unwind_rule RuleOf(uint64_t types) {
  return {.cfa_kind = UNWIND_CFA_v8,
          .cfa_off = static_cast<int32_t>(types),
          .rbp_off = static_cast<int16_t>(types >> 32),
          .rbx_off = static_cast<int16_t>(types >> 48)};
}

}  // namespace

std::optional<KnownCode> FindV8Builtins(const ElfImage& image) {
  const Addresses at = FindSymbols(image, kNames);
  const uint64_t code = at[kCode].value_or(0);
  const int32_t size = ConstantAt(image, at[kSize]).value_or(0);
  if (code == 0 || size <= 0 || static_cast<uint64_t>(size) > UINT64_MAX - code)
    return std::nullopt;
  if (!HasKnownLayout(image, at)) return std::nullopt;
  const std::optional<uint64_t> types = TypesIn(image, at);
  if (!types) return std::nullopt;
  return KnownCode{code, code + static_cast<uint64_t>(size), {{code, RuleOf(*types)}}};
}

}  // namespace waitscope
