#include "agent/java/vm_structs.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

// JDK 17 has 1,700 fields and 800 types.
constexpr int kMaxEntries = 16384;
constexpr size_t kMaxNameBytes = 128;
// JDK 17's tables and texts lie in 120 pages; a hostile process may spread its own.
constexpr size_t kMaxPages = 2048;

// Memory read by the page: the tables and their texts lie close together.
class Pages {
 public:
  explicit Pages(const ReadMemory& read) : read_(read) {}

  template <typename Value>
  std::optional<Value> Get(uint64_t address) {
    std::array<uint8_t, sizeof(Value)> bytes{};
    for (size_t at = 0; at < bytes.size(); ++at) {
      const std::optional<uint8_t> byte = Byte(address + at);
      if (!byte) return std::nullopt;
      bytes[at] = *byte;
    }
    Value value{};
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  std::optional<std::string> Text(uint64_t address) {
    std::string text;
    while (text.size() < kMaxNameBytes) {
      const std::optional<uint8_t> byte = Byte(address + text.size());
      if (!byte) return std::nullopt;
      if (*byte == 0) return text;
      text.push_back(static_cast<char>(*byte));
    }
    return std::nullopt;
  }

 private:
  static constexpr uint64_t kPageBytes = 4096;
  struct Page {
    std::array<uint8_t, kPageBytes> bytes;
    size_t size = 0;
  };

  std::optional<uint8_t> Byte(uint64_t address) {
    const uint64_t page = address / kPageBytes;
    if (page != last_number_ || last_ == nullptr) {
      if (pages_.size() >= kMaxPages && !pages_.contains(page)) return std::nullopt;
      const auto [at, fresh] = pages_.try_emplace(page);
      if (fresh) {
        at->second = std::make_unique<Page>();
        at->second->size = read_(page * kPageBytes, at->second->bytes);
      }
      last_ = at->second.get();
      last_number_ = page;
    }
    const uint64_t within = address % kPageBytes;
    if (within >= last_->size) return std::nullopt;
    return last_->bytes[within];
  }

  const ReadMemory& read_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Page>> pages_;
  Page* last_ = nullptr;
  uint64_t last_number_ = 0;
};

// The value of one of the exported variables.
std::optional<uint64_t> Variable(Pages& pages, uint64_t at) {
  return at == 0 ? std::nullopt : pages.Get<uint64_t>(at);
}

// A table whose last entry has no type.
struct Table {
  uint64_t first = 0;
  uint64_t stride = 0;
};

std::optional<Table> TableAt(Pages& pages, uint64_t first, uint64_t stride) {
  const std::optional<uint64_t> at = Variable(pages, first);
  const std::optional<uint64_t> bytes = Variable(pages, stride);
  if (!at || *at == 0 || !bytes || *bytes == 0 || *bytes > 4096) return std::nullopt;
  return Table{.first = *at, .stride = *bytes};
}

// What lies in each entry at the offset that a variable tells.
template <typename Value>
std::optional<Value> Member(Pages& pages, uint64_t entry, uint64_t offset_at) {
  const std::optional<uint64_t> offset = Variable(pages, offset_at);
  if (!offset || *offset > 4096) return std::nullopt;
  return pages.Get<Value>(entry + *offset);
}

std::optional<std::string> TextMember(Pages& pages, uint64_t entry, uint64_t offset_at) {
  const auto at = Member<uint64_t>(pages, entry, offset_at);
  if (!at) return std::nullopt;
  return *at == 0 ? "" : pages.Text(*at);
}

std::optional<uint64_t> Find(const absl::flat_hash_map<std::string, uint64_t>& in,
                             absl::string_view name) {
  const auto found = in.find(name);
  return found == in.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::optional<VmStructs> VmStructs::Read(const VmStructsAt& at, const ReadMemory& read) {
  Pages pages(read);
  const std::optional<Table> structs = TableAt(pages, at.structs, at.struct_stride);
  const std::optional<Table> types = TableAt(pages, at.types, at.type_stride);
  if (!structs || !types) return std::nullopt;
  VmStructs found;
  for (int i = 0; i < kMaxEntries; ++i) {
    const uint64_t entry = structs->first + i * structs->stride;
    const auto type = TextMember(pages, entry, at.type_name);
    const auto field = TextMember(pages, entry, at.field_name);
    const auto is_static = Member<int32_t>(pages, entry, at.is_static);
    const auto offset = Member<uint64_t>(pages, entry, at.offset);
    const auto address = Member<uint64_t>(pages, entry, at.address);
    if (!type || !field || !is_static || !offset || !address || type->empty()) break;
    auto& fields = *is_static != 0 ? found.statics_ : found.offsets_;
    fields.emplace(absl::StrCat(*type, "::", *field), *is_static != 0 ? *address : *offset);
  }
  for (int i = 0; i < kMaxEntries; ++i) {
    const uint64_t entry = types->first + i * types->stride;
    const auto type = TextMember(pages, entry, at.type_type_name);
    const auto size = Member<uint64_t>(pages, entry, at.type_size);
    if (!type || !size || type->empty()) break;
    found.sizes_.emplace(*type, *size);
  }
  return found;
}

std::optional<uint64_t> VmStructs::Offset(absl::string_view field) const {
  return Find(offsets_, field);
}

std::optional<uint64_t> VmStructs::Static(absl::string_view field) const {
  return Find(statics_, field);
}

std::optional<uint64_t> VmStructs::SizeOf(absl::string_view type) const {
  return Find(sizes_, type);
}

}  // namespace waitscope
