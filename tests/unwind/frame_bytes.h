// Hand-made call frame information.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace waitscope::testing {

using Bytes = std::vector<uint8_t>;

Bytes Join(std::initializer_list<Bytes> parts);
Bytes Fixed32(uint32_t value);
Bytes Fixed64(uint64_t value);
// Any number that fits 7 bits is itself; these are for the others.
Bytes Uleb(uint64_t value);
Bytes Sleb(int64_t value);

// What every compiler begins with: CFA = rsp + 8, return address at CFA - 8.
Bytes UsualStart();

class FrameBytes {
 public:
  // Where the section will be linked: pointers in it are relative to themselves.
  explicit FrameBytes(uint64_t address) : address_(address) {}

  struct Cie {
    uint8_t version = 1;
    std::string augmentation = "zR";
    Bytes augmentation_data = {0x1b};  // pcrel | sdata4
    uint8_t code_alignment = 1;
    int64_t data_alignment = -8;
    Bytes program = UsualStart();
  };
  FrameBytes& Common(const Cie& cie);
  FrameBytes& Common() { return Common(Cie{}); }
  // For the CIE before; `begin` and the length as its 'R' says, pcrel | sdata4.
  FrameBytes& Range(uint64_t begin, uint32_t length, const Bytes& program);
  // A record with this body, for pointers in any other encoding.
  FrameBytes& RangeOf(const Bytes& after_cie_pointer);

  // The address of the first byte behind the CIE pointer of the next record.
  uint64_t here() const { return address_ + bytes_.size() + 8; }
  const Bytes& bytes() const { return bytes_; }

 private:
  void Append(const Bytes& body);

  uint64_t address_;
  uint64_t common_at_ = 0;
  Bytes bytes_;
};

}  // namespace waitscope::testing
