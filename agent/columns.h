// Values as bytes and back: written in some order, read in the same. Each goes to the column it
// stands in, since a compressor finds more in one field of all rows than in all fields of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waitscope {

class ColumnWriter {
 public:
  static constexpr bool kReads = false;

  void Number(uint64_t& value);  // small ones take little
  void Word(uint64_t& value);    // always eight bytes: equal ones look equal
  void Text(std::string& value);
  void Bytes(void* bytes, size_t count);

  // Where the next value goes. Any choice is right as long as reader and writer make the same.
  size_t at() const { return at_; }
  void MoveTo(size_t column) { at_ = column; }

  std::string Take() const;

 private:
  std::string& Next();

  std::vector<std::string> columns_;
  size_t at_ = 0;
};

// Of bytes that a ColumnWriter made in this process: anything else is a bug, and aborts.
class ColumnReader {
 public:
  static constexpr bool kReads = true;

  explicit ColumnReader(std::string_view bytes);

  void Number(uint64_t& value);
  void Word(uint64_t& value);
  void Text(std::string& value);
  void Bytes(void* bytes, size_t count);

  size_t at() const { return at_; }
  void MoveTo(size_t column) { at_ = column; }

 private:
  std::string_view& Next();

  std::vector<std::string_view> columns_;
  size_t at_ = 0;
};

}  // namespace waitscope
