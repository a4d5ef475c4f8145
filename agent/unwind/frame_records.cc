#include "agent/unwind/frame_records.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace waitscope {
namespace {

// DW_EH_PE_*, Linux Standard Base 5.0, 10.5.1.
enum PointerFormat : uint8_t {
  kAbsolute = 0x00,
  kUnsigned = 0x01,
  kUnsigned2 = 0x02,
  kUnsigned4 = 0x03,
  kUnsigned8 = 0x04,
  kSigned = 0x09,
  kSigned2 = 0x0a,
  kSigned4 = 0x0b,
  kSigned8 = 0x0c,
  kFormatMask = 0x0f,
};
enum PointerBase : uint8_t {
  kFromNull = 0x00,
  kFromHere = 0x10,
  kFromData = 0x30,
  kBaseMask = 0x70,
  kIndirect = 0x80,
  kOmitted = 0xff,
};

// What a section may make the reader keep. Linkers merge CIEs; the largest programs have a million
// functions.
constexpr size_t kMaxCommons = 1 << 16;
constexpr size_t kMaxRanges = 1 << 21;

// Versions of CIEs: 1 is what compilers write into .eh_frame, 3 and 4 come from DWARF 3 and 4.
constexpr uint8_t kVersion1 = 1;
constexpr uint8_t kVersion3 = 3;
constexpr uint8_t kVersion4 = 4;

std::optional<uint64_t> ReadFormat(ByteReader& reader, uint8_t encoding) {
  switch (encoding & kFormatMask) {
    case kAbsolute:
    case kUnsigned8:
    case kSigned8:
      return reader.Fixed<uint64_t>();
    case kUnsigned:
      return reader.Unsigned();
    case kUnsigned2:
      return reader.Fixed<uint16_t>();
    case kUnsigned4:
      return reader.Fixed<uint32_t>();
    case kSigned:
      return static_cast<uint64_t>(reader.Signed());
    case kSigned2:
      return static_cast<uint64_t>(int64_t{reader.Fixed<int16_t>()});
    case kSigned4:
      return static_cast<uint64_t>(int64_t{reader.Fixed<int32_t>()});
    default:
      return std::nullopt;
  }
}

std::optional<uint64_t> BaseOf(uint8_t encoding, uint64_t here, const PointerBases& bases) {
  switch (encoding & kBaseMask) {
    case kFromNull:
      return 0;
    case kFromHere:
      return here;
    case kFromData:
      return bases.data;
    default:
      return std::nullopt;
  }
}

absl::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The letters of an augmentation that begins with 'z'. False: a letter is unknown, and what
// stands behind its data is not to be had.
bool ReadAugmentation(absl::string_view letters, ByteReader data, CommonRecord& common) {
  for (const char letter : letters) {
    switch (letter) {
      case 'R':
        common.pointer_encoding = data.Byte();
        break;
      case 'P': {
        const uint8_t encoding = data.Byte();
        if (encoding != kOmitted && !ReadFormat(data, encoding)) return false;
        break;
      }
      case 'L':
        data.Byte();
        break;
      case 'S':
        common.signal = true;
        break;
      default:
        return false;
    }
  }
  return data.ok();
}

std::optional<CommonRecord> ReadCommon(ByteReader reader) {
  CommonRecord common;
  const uint8_t version = reader.Byte();
  if (version != kVersion1 && version != kVersion3 && version != kVersion4) return std::nullopt;
  absl::string_view letters = AsText(reader.Text());
  if (version == kVersion4 && (reader.Byte() != sizeof(uint64_t) || reader.Byte() != 0)) {
    return std::nullopt;  // another address size, or segments
  }
  common.code_alignment = reader.Unsigned();
  common.data_alignment = reader.Signed();
  common.return_column = version == kVersion1 ? reader.Byte() : reader.Unsigned();
  if (!letters.empty()) {
    if (letters.front() != 'z') return std::nullopt;
    letters.remove_prefix(1);
    common.has_augmentation = true;
    const ByteReader data(reader.Take(reader.Unsigned()));
    if (!ReadAugmentation(letters, data, common)) return std::nullopt;
  }
  common.program = reader.Take(reader.left());
  return reader.ok() ? std::optional(common) : std::nullopt;
}

class RecordWalk {
 public:
  RecordWalk(std::span<const uint8_t> section, const PointerBases& bases)
      : section_(section), bases_(bases) {}

  FrameRecords Run() {
    ByteReader reader(section_);
    // A length of 0 ends the section; one of all ones announces a format that nobody writes here.
    while (reader.left() >= sizeof(uint32_t)) {
      const size_t at = reader.at();
      const auto length = reader.Fixed<uint32_t>();
      if (length < sizeof(uint32_t) || length > reader.left()) break;
      reader.Take(length);
      ReadRecord(at, section_.subspan(at + sizeof(uint32_t), length));
    }
    std::stable_sort(found_.ranges.begin(), found_.ranges.end(),
                     [](const RangeRecord& a, const RangeRecord& b) { return a.begin < b.begin; });
    return std::move(found_);
  }

 private:
  void ReadRecord(size_t at, std::span<const uint8_t> body) {
    ByteReader reader(body);
    const auto back = reader.Fixed<uint32_t>();
    if (back == 0) {
      AddCommon(at, reader);
    } else {
      // Only a CIE already walked over counts, so that no bytes are read as two of them.
      const auto common = commons_.find(at + sizeof(uint32_t) - back);
      const bool added = common != commons_.end() && AddRange(at, common->second, reader);
      found_.unusable += added ? 0 : 1;
    }
  }

  void AddCommon(size_t at, const ByteReader& reader) {
    const std::optional<CommonRecord> common = ReadCommon(reader);
    if (!common || found_.commons.size() >= kMaxCommons) {
      ++found_.unusable;
      return;
    }
    commons_[at] = static_cast<uint32_t>(found_.commons.size());
    found_.commons.push_back(*common);
  }

  bool AddRange(size_t at, uint32_t index, ByteReader reader) {
    if (found_.ranges.size() >= kMaxRanges) return false;
    const CommonRecord& common = found_.commons[index];
    const uint64_t body = bases_.section + at + sizeof(uint32_t);
    const PointerBases here = {.section = body, .data = bases_.data};
    const auto begin = ReadPointer(reader, common.pointer_encoding, here);
    const auto length = ReadFormat(reader, common.pointer_encoding);
    if (common.has_augmentation) reader.Take(reader.Unsigned());
    if (!begin || !length || !reader.ok() || *length > UINT64_MAX - *begin) return false;
    const uint64_t program_address = body + reader.at();
    found_.ranges.push_back(
        {*begin, *begin + *length, index, reader.Take(reader.left()), program_address});
    return true;
  }

  std::span<const uint8_t> section_;
  PointerBases bases_;
  absl::flat_hash_map<size_t, uint32_t> commons_;  // by their place in the section
  FrameRecords found_;
};

}  // namespace

std::optional<uint64_t> ReadPointer(ByteReader& reader, uint8_t encoding,
                                    const PointerBases& bases) {
  if (encoding == kOmitted || (encoding & kIndirect) != 0) return std::nullopt;
  const auto base = BaseOf(encoding, bases.section + reader.at(), bases);
  const auto value = ReadFormat(reader, encoding);
  if (!base || !value || !reader.ok()) return std::nullopt;
  return *base + *value;
}

FrameRecords ReadFrameRecords(std::span<const uint8_t> section, const PointerBases& bases) {
  return RecordWalk(section, bases).Run();
}

}  // namespace waitscope
