#include "agent/java/namer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace waitscope {
namespace {

constexpr size_t kMaxTextBytes = 512;  // a class or method of more is shown cut

// Follows addresses in a process's memory; 0 leads nowhere.
class Memory {
 public:
  explicit Memory(const ReadMemory& read) : read_(read) {}

  template <typename Value = uint64_t>
  Value At(uint64_t address) const {
    std::array<uint8_t, sizeof(Value)> bytes{};
    if (address < kFirstPage || read_(address, bytes) != bytes.size()) return 0;
    Value value{};
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  // At most so many bytes, and no more than are mapped.
  std::string Text(uint64_t address, size_t bytes) const {
    std::string text(std::min(bytes, kMaxTextBytes), '\0');
    if (address < kFirstPage) return "";
    text.resize(read_(address, {reinterpret_cast<uint8_t*>(text.data()), text.size()}));  // NOLINT
    return text;
  }

  // Up to its end.
  std::string Word(uint64_t address) const {
    std::string text = Text(address, 64);
    text.resize(std::min(text.find('\0'), text.size()));
    return text;
  }

  // A hotspot_read.
  static int Read(void* from, __u64 address, void* to, __u32 bytes) {
    const auto& self = *static_cast<const Memory*>(from);
    return self.read_(address, {static_cast<uint8_t*>(to), bytes}) != bytes ? 1 : 0;
  }

 private:
  static constexpr uint64_t kFirstPage = 4096;
  const ReadMemory& read_;
};

std::string TextOf(const HotSpotLayout& layout, uint64_t symbol, const Memory& memory) {
  if (symbol == 0) return "";
  return memory.Text(symbol + layout.text, memory.At<uint16_t>(symbol + layout.text_length));
}

}  // namespace

std::string NameOfMethod(const HotSpotLayout& layout, uint64_t method, const ReadMemory& read) {
  const Memory memory(read);
  const uint64_t fixed = memory.At(method + layout.const_method);
  const uint64_t pool = memory.At(fixed + layout.constants);
  const uint64_t holder = memory.At(pool + layout.pool_holder);
  const auto index = memory.At<uint16_t>(fixed + layout.name_index);
  if (fixed == 0 || pool == 0 || holder == 0 || index == 0) return "";
  const uint64_t name = memory.At(pool + layout.pool_bytes + index * sizeof(uint64_t));
  const std::string type = TextOf(layout, memory.At(holder + layout.class_name), memory);
  const std::string text = TextOf(layout, name, memory);
  if (type.empty() || text.empty()) return "";
  return absl::StrCat(absl::StrReplaceAll(type, {{"/", "."}}), ".", text);
}

std::string NameOfCode(const HotSpotLayout& layout, uint64_t pc, const ReadMemory& read) {
  Memory memory(read);
  const uint64_t blob = hotspot_blob(&layout.code, pc, Memory::Read, &memory);
  if (blob == 0) return "";
  std::string kind = memory.Word(memory.At(blob + layout.blob_name));
  if (kind != "nmethod" && kind != "native nmethod") return kind;
  return NameOfMethod(layout, memory.At(blob + layout.blob_method), read);
}

std::string HotSpotNamer::Lookup(uint32_t pid, uint64_t address) {
  const std::optional<HotSpotLayout> layout = known_ ? known_(pid) : std::nullopt;
  if (!layout) return "";
  const ReadMemory read = MemoryOf(pid);
  if (hotspot_is_method(address) == 0) return NameOfCode(*layout, address, read);
  return NameOfMethod(*layout, address & ~HOTSPOT_METHOD_BIT, read);
}

}  // namespace waitscope
