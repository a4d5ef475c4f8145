// A JVM's memory, followed from address to address.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "agent/os/process_memory.h"
#include "bpf/unwind/hotspot.h"

namespace waitscope {

class HotSpotMemory {
 public:
  explicit HotSpotMemory(const ReadMemory& read) : read_(read) {}

  template <typename Value>
  std::optional<Value> Get(uint64_t address) const {
    std::array<uint8_t, sizeof(Value)> bytes{};
    if (address < kFirstPage || read_(address, bytes) != bytes.size()) return std::nullopt;
    Value value{};
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  // Whatever cannot be read is 0, which leads nowhere.
  template <typename Value = uint64_t>
  Value At(uint64_t address) const {
    return Get<Value>(address).value_or(Value{});
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

  // As many as can be read.
  size_t Bytes(uint64_t address, std::span<uint8_t> into) const {
    return address < kFirstPage ? 0 : read_(address, into);
  }

  // A hotspot_read.
  static int Read(void* from, __u64 address, void* to, __u32 bytes) {
    const auto& self = *static_cast<const HotSpotMemory*>(from);
    return self.read_(address, {static_cast<uint8_t*>(to), bytes}) != bytes ? 1 : 0;
  }

 private:
  static constexpr uint64_t kFirstPage = 4096;
  static constexpr size_t kMaxTextBytes = 512;  // a class or method of more is shown cut

  const ReadMemory& read_;
};

}  // namespace waitscope
