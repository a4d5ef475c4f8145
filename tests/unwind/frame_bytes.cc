#include "tests/unwind/frame_bytes.h"

namespace waitscope::testing {
namespace {

Bytes LittleEndian(uint64_t value, size_t size) {
  Bytes bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  return bytes;
}

Bytes Text(const std::string& text) {
  Bytes bytes(text.begin(), text.end());
  bytes.push_back(0);
  return bytes;
}

}  // namespace

Bytes Join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes Fixed32(uint32_t value) { return LittleEndian(value, sizeof(value)); }
Bytes Fixed64(uint64_t value) { return LittleEndian(value, sizeof(value)); }

Bytes Uleb(uint64_t value) {
  Bytes bytes;
  do {
    const uint8_t more = value >> 7 != 0 ? 0x80 : 0;
    bytes.push_back(static_cast<uint8_t>((value & 0x7f) | more));
    value >>= 7;
  } while (value != 0);
  return bytes;
}

Bytes Sleb(int64_t value) {
  Bytes bytes;
  for (;;) {
    const auto low = static_cast<uint8_t>(value & 0x7f);
    value >>= 7;
    const bool done = (value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0);
    bytes.push_back(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

// DW_CFA_def_cfa rsp 8, DW_CFA_offset rip 1.
Bytes UsualStart() { return {0x0c, 7, 8, 0x90, 1}; }

FrameBytes& FrameBytes::Common(const Cie& cie) {
  common_at_ = bytes_.size();
  const bool sized = !cie.augmentation.empty() && cie.augmentation.front() == 'z';
  const Bytes sizes = cie.version == 4 ? Bytes{8, 0} : Bytes();  // of an address and a segment
  Append(Join({Fixed32(0),
               {cie.version},
               Text(cie.augmentation),
               sizes,
               {cie.code_alignment},
               Sleb(cie.data_alignment),
               {16},
               sized ? Uleb(cie.augmentation_data.size()) : Bytes(),
               cie.augmentation_data,
               cie.program}));
  return *this;
}

FrameBytes& FrameBytes::Range(uint64_t begin, uint32_t length, const Bytes& program) {
  return RangeOf(
      Join({Fixed32(static_cast<uint32_t>(begin - here())), Fixed32(length), {0}, program}));
}

FrameBytes& FrameBytes::RangeOf(const Bytes& after_cie_pointer) {
  const auto back = static_cast<uint32_t>(bytes_.size() + 4 - common_at_);
  Append(Join({Fixed32(back), after_cie_pointer}));
  return *this;
}

void FrameBytes::Append(const Bytes& body) {
  const Bytes length = Fixed32(static_cast<uint32_t>(body.size()));
  bytes_.insert(bytes_.end(), length.begin(), length.end());
  bytes_.insert(bytes_.end(), body.begin(), body.end());
}

}  // namespace waitscope::testing
