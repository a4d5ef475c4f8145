#include "agent/python/code_object.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "agent/python/line_table.h"

namespace waitscope {
namespace {

constexpr size_t kMaxNameCharacters = 512;
constexpr size_t kMaxFileCharacters = 1024;
constexpr uint64_t kMaxLineTableBytes = 64 << 10;
constexpr size_t kMaxCodeBytes = 8192;
// A str's head: its length, and a word of bits, the same since 3.3.
constexpr size_t kTextLength = 16;
constexpr size_t kTextState = 32;
constexpr size_t kTextHead = 40;
// A bytes object: its length, and where it begins.
constexpr size_t kBytesLength = 16;
constexpr size_t kBytesText = 32;

template <typename Number>
Number NumberAt(std::span<const uint8_t> bytes, size_t at) {
  Number number{};
  if (at + sizeof(number) <= bytes.size()) {
    std::memcpy(&number, bytes.data() + at, sizeof(number));
  }
  return number;
}

// What is no character becomes a question mark.
void AppendUtf8(uint32_t character, std::string& text) {
  const bool surrogate = character >= 0xd800 && character < 0xe000;
  if (surrogate || character > 0x10ffff) character = '?';
  const auto tail = [&](uint32_t shift) {
    text.push_back(static_cast<char>(0x80 | (character >> shift & 0x3f)));
  };
  if (character < 0x80) {
    text.push_back(static_cast<char>(character));
  } else if (character < 0x800) {
    text.push_back(static_cast<char>(0xc0 | character >> 6));
    tail(0);
  } else if (character < 0x10000) {
    text.push_back(static_cast<char>(0xe0 | character >> 12));
    tail(6);
    tail(0);
  } else {
    text.push_back(static_cast<char>(0xf0 | character >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

struct TextHead {
  uint64_t length = 0;
  uint32_t width = 0;  // bytes a character
  bool compact = false;
  bool ascii = false;
};

// PyASCIIObject::state: two bits of interned, three of kind, one each of compact and ascii.
std::optional<TextHead> ReadTextHead(uint64_t address, const ReadMemory& read) {
  std::array<uint8_t, kTextHead> bytes{};
  if (address == 0 || read(address, bytes) < kTextHead) return std::nullopt;
  const auto state = NumberAt<uint32_t>(bytes, kTextState);
  const TextHead head{.length = NumberAt<uint64_t>(bytes, kTextLength),
                      .width = state >> 2 & 7,
                      .compact = (state >> 5 & 1) != 0,
                      .ascii = (state >> 6 & 1) != 0};
  const bool known = head.width == 1 || head.width == 2 || head.width == 4;
  if (!known || !head.compact || (head.ascii && head.width != 1)) return std::nullopt;
  return head;
}

uint32_t CharacterAt(std::span<const uint8_t> bytes, size_t index, uint32_t width) {
  if (width == 1) return bytes[index];
  if (width == 2) return NumberAt<uint16_t>(bytes, index * 2);
  return NumberAt<uint32_t>(bytes, index * 4);
}

std::vector<uint8_t> ReadLineTable(uint64_t address, const ReadMemory& read) {
  std::array<uint8_t, kBytesText> head{};
  if (address == 0 || read(address, head) < head.size()) return {};
  const auto length = NumberAt<uint64_t>(head, kBytesLength);
  if (length > kMaxLineTableBytes) return {};
  std::vector<uint8_t> table(length);
  table.resize(read(address + kBytesText, table));
  return table;
}

}  // namespace

uint32_t CodeObject::LineOf(uint32_t offset) const {
  if (offset < instructions) return identity.first_line;
  return LineAt(line_table, identity.first_line, offset - instructions)
      .value_or(identity.first_line);
}

std::optional<CodeIdentity> ReadCodeIdentity(const PythonLayout& layout, uint64_t address,
                                             const ReadMemory& read) {
  std::vector<uint8_t> bytes(std::min<size_t>(layout.code_bytes(), kMaxCodeBytes));
  if (address == 0 || read(address, bytes) < bytes.size()) return std::nullopt;
  return CodeIdentity{.filename = NumberAt<uint64_t>(bytes, layout.filename),
                      .qualified_name = NumberAt<uint64_t>(bytes, layout.qualified_name),
                      .line_table = NumberAt<uint64_t>(bytes, layout.line_table),
                      .first_line = NumberAt<uint32_t>(bytes, layout.first_line)};
}

std::optional<std::string> ReadPythonText(const PythonLayout& layout, uint64_t address,
                                          size_t max_characters, const ReadMemory& read) {
  const std::optional<TextHead> head = ReadTextHead(address, read);
  if (!head) return std::nullopt;
  const size_t characters = std::min<uint64_t>(head->length, max_characters);
  std::vector<uint8_t> bytes(characters * head->width);
  const uint64_t text_at = address + (head->ascii ? layout.ascii_text : layout.other_text);
  if (read(text_at, bytes) < bytes.size()) return std::nullopt;
  std::string text;
  for (size_t index = 0; index < characters; ++index) {
    AppendUtf8(CharacterAt(bytes, index, head->width), text);
  }
  return text;
}

std::optional<CodeObject> ReadCodeObject(const PythonLayout& layout, uint64_t address,
                                         const ReadMemory& read) {
  const std::optional<CodeIdentity> identity = ReadCodeIdentity(layout, address, read);
  if (!identity) return std::nullopt;
  std::optional<std::string> name =
      ReadPythonText(layout, identity->qualified_name, kMaxNameCharacters, read);
  std::optional<std::string> file =
      ReadPythonText(layout, identity->filename, kMaxFileCharacters, read);
  if (!name || !file || name->empty()) return std::nullopt;
  return CodeObject{.identity = *identity,
                    .qualified_name = *std::move(name),
                    .filename = *std::move(file),
                    .instructions = layout.instructions,
                    .line_table = ReadLineTable(identity->line_table, read)};
}

}  // namespace waitscope
