#include "agent/columns.h"

#include <cstdlib>
#include <cstring>

namespace waitscope {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void PutNumber(uint64_t value, std::string& to) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

uint64_t TakeNumber(std::string_view& from) {
  uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    Require(!from.empty() && shift < 64);
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

std::string_view TakeBytes(std::string_view& from, size_t count) {
  Require(count <= from.size());
  const std::string_view taken = from.substr(0, count);
  from.remove_prefix(count);
  return taken;
}

}  // namespace

std::string& ColumnWriter::Next() {
  if (at_ >= columns_.size()) columns_.resize(at_ + 1);
  return columns_[at_++];
}

void ColumnWriter::Number(uint64_t& value) { PutNumber(value, Next()); }

void ColumnWriter::Word(uint64_t& value) { Bytes(&value, sizeof(value)); }

void ColumnWriter::Text(std::string& value) {
  std::string& column = Next();
  PutNumber(value.size(), column);
  column += value;
}

void ColumnWriter::Bytes(void* bytes, size_t count) {
  Next().append(static_cast<const char*>(bytes), count);
}

std::string ColumnWriter::Take() const {
  std::string all;
  PutNumber(columns_.size(), all);
  for (const std::string& column : columns_) PutNumber(column.size(), all);
  for (const std::string& column : columns_) all += column;
  return all;
}

ColumnReader::ColumnReader(std::string_view bytes) {
  std::vector<size_t> sizes(TakeNumber(bytes));
  for (size_t& size : sizes) size = TakeNumber(bytes);
  for (const size_t size : sizes) columns_.push_back(TakeBytes(bytes, size));
}

std::string_view& ColumnReader::Next() {
  Require(at_ < columns_.size());
  return columns_[at_++];
}

void ColumnReader::Number(uint64_t& value) { value = TakeNumber(Next()); }

void ColumnReader::Word(uint64_t& value) { Bytes(&value, sizeof(value)); }

void ColumnReader::Text(std::string& value) {
  std::string_view& column = Next();
  value = TakeBytes(column, TakeNumber(column));
}

void ColumnReader::Bytes(void* bytes, size_t count) {
  std::memcpy(bytes, TakeBytes(Next(), count).data(), count);
}

}  // namespace waitscope
