#include "agent/unwind/known_code.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/unwind/frame_rule.h"
#include "agent/unwind/go_functions.h"

namespace waitscope {
namespace {

// No linker writes more, and no more is read.
constexpr uint64_t kMaxInitBytes = 4096;
// ld.so's _start and _dl_start_user, as long as no record begins before.
constexpr uint64_t kEntryBytes = 96;

constexpr uint64_t kFunctionAlignment = 16;
constexpr uint64_t kTerminateCallBytes = 11;

constexpr uint64_t kPltEntryBytes = 16;
constexpr int32_t kPltThreshold = 11;    // jmp *GOT (6), push (5)
constexpr int32_t kIbtPltThreshold = 9;  // endbr64 (4), push (5)
constexpr int32_t kPlt0Push = 6;         // push GOT+8

constexpr std::array<uint8_t, 4> kEndBranch = {0xf3, 0x0f, 0x1e, 0xfa};
constexpr std::array<uint8_t, 4> kSub8 = {0x48, 0x83, 0xec, 0x08};
constexpr std::array<uint8_t, 5> kAdd8Return = {0x48, 0x83, 0xc4, 0x08, 0xc3};

template <size_t N>
bool StartsAt(const std::vector<uint8_t>& bytes, size_t at, const std::array<uint8_t, N>& code) {
  return at + N <= bytes.size() &&
         std::equal(code.begin(), code.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
}

bool Usable(const ElfImage::Section* section) {
  return section != nullptr && section->size != 0 && section->size <= INT64_MAX &&
         section->address <= INT64_MAX;
}

// The first entry, which all others jump to with a word pushed, pushes one more.
std::optional<KnownCode> LazyPlt(const ElfImage& image) {
  const ElfImage::Section* const plt = image.FindSection(".plt");
  if (!Usable(plt) || plt->size < kPltEntryBytes) return std::nullopt;
  const auto entry = image.Read(plt->offset + kPltEntryBytes, kEndBranch.size());
  const uint64_t begin = plt->address;
  KnownCode code = {.begin = begin, .end = begin + plt->size};
  code.rows = {{begin, StackRule(16)},
               {begin + kPlt0Push, StackRule(24)},
               {begin + kPltEntryBytes,
                PltRule(StartsAt(entry, 0, kEndBranch) ? kIbtPltThreshold : kPltThreshold)}};
  return code;
}

// Entries that only jump.
std::optional<KnownCode> DirectPlt(const ElfImage& image, absl::string_view name) {
  const ElfImage::Section* const plt = image.FindSection(name);
  if (!Usable(plt)) return std::nullopt;
  return KnownCode{plt->address, plt->address + plt->size, {{plt->address, StackRule(8)}}};
}

// crti.o's `sub $8, %rsp`, whatever is called between, and crtn.o's `add $8, %rsp; ret`.
std::optional<KnownCode> InitCode(const ElfImage& image, absl::string_view name) {
  const ElfImage::Section* const init = image.FindSection(name);
  if (!Usable(init) || init->size > kMaxInitBytes) return std::nullopt;
  const std::vector<uint8_t> bytes = image.Read(init->offset, init->size);
  const size_t sub = StartsAt(bytes, 0, kEndBranch) ? kEndBranch.size() : 0;
  if (!StartsAt(bytes, sub, kSub8) || bytes.size() < sub + kSub8.size() + kAdd8Return.size() ||
      !StartsAt(bytes, bytes.size() - kAdd8Return.size(), kAdd8Return)) {
    return std::nullopt;
  }
  const uint64_t begin = init->address;
  const uint64_t end = begin + bytes.size();
  return KnownCode{begin,
                   end,
                   {{begin, StackRule(8)},
                    {begin + sub + kSub8.size(), StackRule(16)},
                    {end - 1, StackRule(8)}}};
}

// Nobody calls the entry point.
std::optional<KnownCode> EntryCode(const ElfImage& image) {
  const uint64_t entry = image.entry();
  if (entry == 0 || entry > INT64_MAX) return std::nullopt;
  return KnownCode{entry, entry + kEntryBytes, {{entry, EndRule()}}};
}

bool Holds(const std::optional<KnownCode>& code, uint64_t address) {
  return code && address >= code->begin && address < code->end;
}

// push %rax; call __cxa_begin_catch; call std::terminate: clang 3.3 and later, never inlined.
bool IsTerminateCall(const std::vector<uint8_t>& code) {
  constexpr uint8_t kPushRax = 0x50;
  constexpr uint8_t kCall = 0xe8;
  return code.size() == kTerminateCallBytes && code[0] == kPushRax && code[1] == kCall &&
         code[6] == kCall;
}

}  // namespace

std::optional<KnownCode> FindTerminateCall(const ElfImage& image, uint64_t begin, uint64_t end) {
  const uint64_t at = (begin + kFunctionAlignment - 1) & ~(kFunctionAlignment - 1);
  if (at < begin || at >= end || end - at < kTerminateCallBytes) return std::nullopt;
  if (!IsTerminateCall(image.ReadAddress(at, kTerminateCallBytes))) return std::nullopt;
  return KnownCode{at, at + kTerminateCallBytes, {{at, StackRule(8)}, {at + 1, StackRule(16)}}};
}

std::vector<KnownCode> FindKnownCode(const ElfImage& image) {
  std::optional<KnownCode> go = FindGoFunctions(image);
  std::optional<KnownCode> entry = EntryCode(image);
  if (Holds(go, image.entry())) entry.reset();  // known by its name
  std::vector<KnownCode> all;
  for (auto* code : {&go, &entry}) {
    if (*code) all.push_back(*std::move(*code));
  }
  for (const auto& code :
       {LazyPlt(image), DirectPlt(image, ".plt.sec"), DirectPlt(image, ".plt.got"),
        InitCode(image, ".init"), InitCode(image, ".fini")}) {
    if (code) all.push_back(*code);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const KnownCode& a, const KnownCode& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < all.size(); ++i) all[i - 1].end = std::min(all[i - 1].end, all[i].begin);
  return all;
}

}  // namespace waitscope
