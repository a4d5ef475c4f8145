// Reads bytes nobody vouches for. Past the end everything is 0 and ok() is false.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace waitscope {

class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool done() const { return at_ >= bytes_.size(); }
  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  template <typename T>
  T Fixed() {
    T value{};
    if (left() < sizeof(T)) return Fail(value);
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  uint8_t Byte() { return Fixed<uint8_t>(); }

  // Digits beyond 64 bits are dropped, as every reader of this format does.
  uint64_t Unsigned() {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0;
    do {
      byte = Byte();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += shift < 64 ? 7 : 0;
    } while (ok_ && (byte & 0x80) != 0);
    return value;
  }

  int64_t Signed() {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0;
    do {
      byte = Byte();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += shift < 64 ? 7 : 0;
    } while (ok_ && (byte & 0x80) != 0);
    if (shift < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << shift;
    return static_cast<int64_t>(value);
  }

  std::span<const uint8_t> Take(uint64_t count) {
    if (count > left()) return Fail(std::span<const uint8_t>());
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }

  // Up to the terminating zero, which is consumed.
  std::span<const uint8_t> Text() {
    const size_t begin = at_;
    while (ok_ && Byte() != 0) {
    }
    return ok_ ? bytes_.subspan(begin, at_ - begin - 1) : std::span<const uint8_t>();
  }

 private:
  template <typename T>
  T Fail(T nothing) {
    ok_ = false;
    at_ = bytes_.size();
    return nothing;
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace waitscope
