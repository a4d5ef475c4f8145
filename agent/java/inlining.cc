#include "agent/java/inlining.h"

#include <array>
#include <optional>
#include <span>

namespace waitscope {
namespace {

constexpr int kMaxInlined = 64;  // levels; the compilers stop at 15 and at 9
constexpr uint64_t kMaxPlaces = 1 << 20;
constexpr size_t kMaxNumberBytes = 5;

// Numbers of one to five bytes (UNSIGNED5): those of 192 and more, or 191 where each byte has an
// excess, are followed by six more bits' worth.
class Numbers {
 public:
  Numbers(std::span<const uint8_t> bytes, uint32_t excess) : bytes_(bytes), excess_(excess) {}

  std::optional<uint32_t> Next() {
    const uint32_t last = 192 - excess_;
    uint32_t sum = 0;
    for (size_t i = 0; i < kMaxNumberBytes && at_ < bytes_.size(); ++i) {
      const uint32_t byte = bytes_[at_++];
      if (byte < excess_) return std::nullopt;
      sum += (byte - excess_) << 6 * i;
      if (byte - excess_ < last || i + 1 == kMaxNumberBytes) return sum;
    }
    return std::nullopt;
  }

 private:
  std::span<const uint8_t> bytes_;
  uint32_t excess_;
  size_t at_ = 0;
};

// Where the tables of one nmethod lie.
struct Tables {
  uint64_t code = 0;
  uint64_t places = 0;
  uint64_t places_end = 0;
  uint64_t data = 0;
  uint64_t metadata = 0;
};

Tables TablesOf(const HotSpotScopes& scopes, uint64_t blob, const HotSpotMemory& memory) {
  const auto within = [&](uint32_t member) {
    return static_cast<uint64_t>(memory.At<uint32_t>(blob + member));
  };
  if (!scopes.apart) {
    return {.code = memory.At(blob + scopes.code),
            .places = blob + within(scopes.places),
            .places_end = blob + within(scopes.places_end),
            .data = memory.At(blob + scopes.data),
            .metadata = blob + within(scopes.metadata)};
  }
  const uint64_t unchanging = memory.At(blob + scopes.unchanging);
  constexpr uint64_t kAlign = sizeof(uint64_t);
  return {.code = blob + within(scopes.code),
          .places = unchanging + within(scopes.places),
          .places_end = unchanging + within(scopes.places_end),
          .data = unchanging + within(scopes.data),
          .metadata = memory.At(blob + scopes.changing) +
                      (within(scopes.metadata) + kAlign - 1) / kAlign * kAlign};
}

// The scope of the first place behind `pc`: a call's place is where it returns to. 0: unknown.
uint32_t ScopeAt(const HotSpotScopes& scopes, const Tables& tables, uint64_t pc,
                 const HotSpotMemory& memory) {
  if (scopes.place_bytes == 0 || tables.places_end <= tables.places) return 0;
  const uint64_t count = (tables.places_end - tables.places) / scopes.place_bytes;
  if (count > kMaxPlaces) return 0;
  const auto place = [&](uint64_t number) { return tables.places + number * scopes.place_bytes; };
  const auto wanted = static_cast<int64_t>(pc - tables.code);
  uint64_t low = 0;
  uint64_t high = count;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (memory.At<int32_t>(place(middle) + scopes.place_pc) <= wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < count ? memory.At<uint32_t>(place(low) + scopes.place_scope) : 0;
}

struct Scope {
  uint32_t sender = 0;  // 0: this is the outermost
  uint64_t method = 0;
};

std::optional<Scope> ReadScope(const HotSpotScopes& scopes, const Tables& tables, uint32_t offset,
                               const HotSpotMemory& memory) {
  std::array<uint8_t, 2 * kMaxNumberBytes> bytes{};
  const size_t got = memory.Bytes(tables.data + offset, bytes);
  Numbers numbers({bytes.data(), got}, scopes.excess);
  const std::optional<uint32_t> sender = numbers.Next();
  const std::optional<uint32_t> method = numbers.Next();
  if (!sender || !method || *method == 0) return std::nullopt;
  return Scope{.sender = *sender,
               .method = memory.At(tables.metadata + (*method - 1) * sizeof(uint64_t))};
}

}  // namespace

std::vector<uint64_t> MethodsAt(const HotSpotLayout& layout, uint64_t blob, uint64_t pc,
                                const HotSpotMemory& memory) {
  const uint64_t compiled = memory.At(blob + layout.blob_method);
  std::vector<uint64_t> methods;
  if (!layout.scopes) return {compiled};
  const Tables tables = TablesOf(*layout.scopes, blob, memory);
  uint32_t offset = ScopeAt(*layout.scopes, tables, pc, memory);
  for (int level = 0; offset != 0 && level < kMaxInlined; ++level) {
    const std::optional<Scope> scope = ReadScope(*layout.scopes, tables, offset, memory);
    if (!scope) return {compiled};
    methods.push_back(scope->method);
    offset = scope->sender;
  }
  // Anything else than a way from a callee to what was compiled is no such table.
  if (offset != 0 || methods.empty() || methods.back() != compiled) return {compiled};
  return methods;
}

}  // namespace waitscope
