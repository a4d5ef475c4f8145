// The memory of a JVM that there is not: HotSpot's tables of its own structs, a code heap with
// blobs in it, and methods with their names.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/java/layout.h"

namespace waitscope {

class MadeHotSpot {
 public:
  MadeHotSpot();

  // The tables, as a VM that is up has them; to be called after what else is to be in them.
  VmStructsAt Publish();

  uint64_t Object(size_t bytes);
  uint64_t Text(std::string_view text);
  template <typename Number>
  void Set(uint64_t address, Number number) {
    for (size_t at = 0; at < sizeof(number); ++at) {
      bytes_.at(address - kBegin + at) = static_cast<uint8_t>(number >> 8 * at);
    }
  }

  // A class's method, named as in a class file: "java/lang/Thread", "run".
  uint64_t Method(std::string_view type, std::string_view name);
  // Code of so many segments from `first` of the heap on, in a blob of that kind.
  // Returns where its blob is.
  uint64_t Code(uint32_t first, uint32_t segments, std::string_view kind, uint64_t method,
                int32_t frame_words);

  // Where methods were inlined in it: before `pc`, bytes into its code, of these, innermost first.
  struct Inlined {
    int32_t pc;
    std::vector<uint64_t> methods;
  };
  void Inlines(uint64_t blob, const std::vector<Inlined>& places);
  void HeapWord(uint64_t address, uint64_t value, size_t bytes);

  // A build that lacks a field or a type, or has it under another name.
  void Lacks(const std::string& field);
  void Renames(const std::string& field, const std::string& name);
  // The VM is not up: this static field is not set yet.
  void IsNotUp(const std::string& field) { Set<uint64_t>(statics_.at(field), 0); }
  void IsUp(const std::string& field) { Set(statics_.at(field), values_.at(field)); }

  ReadMemory reader() const;

  static constexpr uint64_t kBegin = 0x7f0000000000;
  static constexpr uint64_t kHeap = 0x7e0000000000;
  static constexpr uint32_t kSegmentBytes = 128;
  static constexpr uint64_t kInterpreter = kHeap + 1000 * kSegmentBytes;
  static constexpr uint64_t kCallStubReturn = kHeap + 999 * kSegmentBytes + 7;

 private:
  size_t Read(uint64_t address, std::span<uint8_t> into) const;
  uint64_t Symbol(std::string_view text);
  uint64_t Entry(uint64_t at, const std::string& name, bool is_static, uint64_t value);

  std::vector<uint8_t> bytes_;  // from kBegin on
  std::vector<uint8_t> heap_;   // from kHeap on
  uint64_t segments_ = 0;
  std::map<std::string, uint64_t> offsets_;
  std::map<std::string, uint64_t> statics_;
  std::map<std::string, uint64_t> values_;  // of the static fields
  std::map<std::string, uint64_t> sizes_;
};

}  // namespace waitscope
