#include "agent/java/namer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/java/inlining.h"
#include "agent/java/memory.h"

namespace waitscope {
namespace {

std::string TextOf(const HotSpotLayout& layout, uint64_t symbol, const HotSpotMemory& memory) {
  if (symbol == 0) return "";
  return memory.Text(symbol + layout.text, memory.At<uint16_t>(symbol + layout.text_length));
}

// "java.lang.Thread" of "java/lang/Thread"; a hidden class's is that of what made it and a number,
// another one in every process.
std::string ClassName(absl::string_view type) {
  const size_t number = std::min(type.find("/0x"), type.find("+0x"));
  return absl::StrReplaceAll(type.substr(0, number), {{"/", "."}});
}

}  // namespace

std::string NameOfMethod(const HotSpotLayout& layout, uint64_t method, const ReadMemory& read) {
  const HotSpotMemory memory(read);
  const uint64_t fixed = memory.At(method + layout.const_method);
  const uint64_t pool = memory.At(fixed + layout.constants);
  const uint64_t holder = memory.At(pool + layout.pool_holder);
  const auto index = memory.At<uint16_t>(fixed + layout.name_index);
  if (fixed == 0 || pool == 0 || holder == 0 || index == 0) return "";
  const uint64_t name = memory.At(pool + layout.pool_bytes + index * sizeof(uint64_t));
  const std::string type = TextOf(layout, memory.At(holder + layout.class_name), memory);
  const std::string text = TextOf(layout, name, memory);
  if (type.empty() || text.empty()) return "";
  return absl::StrCat(ClassName(type), ".", text);
}

std::vector<std::string> NamesOfCode(const HotSpotLayout& layout, uint64_t pc,
                                     const ReadMemory& read) {
  HotSpotMemory memory(read);
  const uint64_t blob = hotspot_blob(&layout.code, pc, HotSpotMemory::Read, &memory);
  if (blob == 0) return {};
  std::string kind = memory.Word(memory.At(blob + layout.blob_name));
  if (kind != "nmethod" && kind != "native nmethod") return {std::move(kind)};
  std::vector<std::string> names;
  for (const uint64_t method : MethodsAt(layout, blob, pc, memory)) {
    names.push_back(NameOfMethod(layout, method, read));
  }
  return names;
}

std::vector<std::string> HotSpotNamer::Lookup(uint32_t pid, uint64_t address) {
  const std::optional<HotSpotLayout> layout = known_ ? known_(pid) : std::nullopt;
  if (!layout) return {};
  const ReadMemory read = MemoryAndFilesOf(pid);
  if (hotspot_is_method(address) == 0) return NamesOfCode(*layout, address, read);
  return {NameOfMethod(*layout, address & ~HOTSPOT_METHOD_BIT, read)};
}

}  // namespace waitscope
