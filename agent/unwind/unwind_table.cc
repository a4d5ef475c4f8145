#include "agent/unwind/unwind_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/unwind/frame_program.h"
#include "agent/unwind/frame_records.h"
#include "agent/unwind/frame_rule.h"
#include "agent/unwind/known_code.h"
#include "agent/unwind/row_writer.h"
#include "agent/unwind/v8_builtins.h"

namespace waitscope {
namespace {

// The largest programs have a tenth of these.
constexpr uint64_t kMaxFrameBytes = 64 << 20;
constexpr uint64_t kMaxPages = 1 << 18;
constexpr size_t kMaxSegments = 16;
// libLLVM, of 48 MB, has 900 of its own: a file with more is after the dictionary.
constexpr size_t kMaxNewRules = 4096;
// Shorter gaps between functions are padding, which no pc is ever in.
constexpr uint64_t kMinGapBytes = 16;

constexpr uint64_t kPageMask = UNWIND_PAGE_BYTES - 1;

struct FrameSection {
  std::vector<uint8_t> bytes;
  PointerBases bases;
};

std::optional<uint64_t> DataBase(const ElfImage& image) {
  for (const char* name : {".got.plt", ".got"}) {
    if (const auto* section = image.FindSection(name)) return section->address;
  }
  return std::nullopt;
}

// Where .eh_frame_hdr says that .eh_frame is: for files without section headers.
std::optional<uint64_t> FrameAddressByHeader(const ElfImage& image) {
  constexpr uint64_t kHeaderBytes = 16;
  constexpr uint64_t kEncodings = 4;
  if (!image.frame_header()) return std::nullopt;
  const uint64_t address = *image.frame_header();
  const std::vector<uint8_t> header = image.ReadAddress(address, kHeaderBytes);
  if (header.size() < kHeaderBytes || header[0] != 1) return std::nullopt;
  ByteReader reader(std::span<const uint8_t>(header).subspan(kEncodings));
  return ReadPointer(reader, header[1], {.section = address + kEncodings, .data = address});
}

absl::StatusOr<FrameSection> ReadFrameSection(const ElfImage& image) {
  FrameSection frames = {.bases = {.data = DataBase(image)}};
  uint64_t size = kMaxFrameBytes;
  if (const ElfImage::Section* const section = image.FindSection(".eh_frame")) {
    size = section->size;
    frames.bases.section = section->address;
    frames.bytes = image.Read(section->offset, std::min(size, kMaxFrameBytes));
  } else if (const auto address = FrameAddressByHeader(image)) {
    frames.bases.section = *address;
    frames.bytes = image.ReadAddress(*address, kMaxFrameBytes);
  }
  if (size > kMaxFrameBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("its call frame information takes ", size,
                                                     " bytes, more than ", kMaxFrameBytes,
                                                     ": the file gets no unwind table"));
  }
  return frames;
}

std::vector<ExecSegment> ExecutableSegments(const ElfImage& image) {
  std::vector<ExecSegment> found;
  for (const ElfImage::Segment& segment : image.segments()) {
    if (!segment.executable || segment.file_size == 0) continue;
    found.push_back({segment.address, segment.offset, segment.file_size});
  }
  std::sort(found.begin(), found.end(),
            [](const ExecSegment& a, const ExecSegment& b) { return a.vaddr < b.vaddr; });
  return found;
}

absl::StatusOr<uint32_t> CountPages(const std::vector<ExecSegment>& segments) {
  if (segments.empty()) return absl::NotFoundError("the ELF file has no executable segment");
  if (segments.size() > kMaxSegments) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the ELF file has ", segments.size(), " executable segments: it gets no unwind table"));
  }
  uint64_t end = 0;
  for (const ExecSegment& segment : segments) end = std::max(end, segment.vaddr + segment.size);
  const uint64_t begin = segments.front().vaddr & ~kPageMask;
  const uint64_t pages = ((end - begin) >> UNWIND_PAGE_SHIFT) + ((end & kPageMask) != 0 ? 1 : 0);
  if (pages <= kMaxPages) return static_cast<uint32_t>(pages);
  return absl::ResourceExhaustedError(absl::StrCat("its code spans ", pages, " pages, more than ",
                                                   kMaxPages, ": the file gets no unwind table"));
}

class TableBuilder {
 public:
  TableBuilder(const ElfImage& image, UnwindTable& table, uint32_t pages, RuleDictionary& rules)
      : image_(image),
        table_(table),
        end_(table.first_page_vaddr + (uint64_t{pages} << UNWIND_PAGE_SHIFT)),
        rules_(rules),
        most_rules_(rules.rules().size() + kMaxNewRules),
        known_(FindKnownCode(image)),
        writer_(table.first_page_vaddr, pages),
        cursor_(table.first_page_vaddr) {}

  absl::Status Build(const FrameSection& section) {
    const FrameRecords records = ReadFrameRecords(section.bytes, section.bases);
    table_.unusable = records.unusable;
    RunCommonPrograms(records, section.bases);
    for (size_t i = 0; i < records.ranges.size(); ++i) {
      const bool last = i + 1 == records.ranges.size();
      AddRange(records.ranges[i], last ? UINT64_MAX : records.ranges[i + 1].begin);
    }
    AddGap(end_);
    if (writer_.overflowed()) {
      return absl::ResourceExhaustedError(
          "its unwind table would have more than 8 million rows: the file gets none");
    }
    std::tie(table_.rows, table_.page_first_row) = std::move(writer_).Finish();
    return absl::OkStatus();
  }

 private:
  void RunCommonPrograms(const FrameRecords& records, const PointerBases& bases) {
    contexts_.resize(records.commons.size());
    for (size_t i = 0; i < contexts_.size(); ++i) {
      if (!RunCommonProgram(records.commons[i], bases, contexts_[i])) {
        contexts_[i].initial = {};
        ++table_.unusable;
      }
    }
  }

  // The end of the executable segment around an address; the address itself when there is none.
  uint64_t SegmentEnd(uint64_t address) const {
    for (const ExecSegment& segment : table_.segments) {
      const bool inside = address >= segment.vaddr && address - segment.vaddr < segment.size;
      if (inside) return segment.vaddr + segment.size;
    }
    return address;
  }

  // Where records overlap, the one that begins last counts, as it does for a search by begin.
  void AddRange(RangeRecord range, uint64_t next_begin) {
    range.end = std::min({range.end, next_begin, SegmentEnd(range.begin)});
    if (range.begin < cursor_ || range.begin >= range.end) return;
    AddGap(range.begin);
    const FrameContext& context = contexts_[range.common];
    RunRangeProgram(context, range, [&](uint64_t address, const FrameState& state) {
      Add(address, RuleOf(state, context.common->signal));
    });
    table_.covered_bytes += range.end - range.begin;
    cursor_ = range.end;
  }

  // What lies between records, up to `end`: known code, or no rule.
  void AddGap(uint64_t end) {
    const uint64_t begin = cursor_;
    while (known_next_ < known_.size() && known_[known_next_].end <= begin) ++known_next_;
    const bool bare = known_next_ == known_.size() || known_[known_next_].begin >= end;
    cursor_ = end;
    if (bare && end - begin < kMinGapBytes && !writer_.empty()) return;
    if (begin < end) Add(begin, NoRule());
    if (bare) AddBareGap(begin, end);
    for (size_t i = known_next_; i < known_.size() && known_[i].begin < end; ++i) {
      AddKnown(known_[i], begin, end);
    }
  }

  void AddBareGap(uint64_t begin, uint64_t end) {
    auto code = FindTerminateCall(image_, begin, end);
    if (!code && end - begin >= kFewestV8Bytes) code = V8BuiltinsIn(begin, end);
    if (code) AddKnown(*code, code->begin, end);
  }

  // All symbols are read for them: once, however many gaps a file has.
  std::optional<KnownCode> V8BuiltinsIn(uint64_t begin, uint64_t end) {
    if (!v8_) v8_ = FindV8Builtins(image_);
    const std::optional<KnownCode>& code = *v8_;
    return code && code->begin >= begin && code->end <= end ? code : std::nullopt;
  }

  void AddKnown(const KnownCode& code, uint64_t begin, uint64_t end) {
    auto row =
        std::upper_bound(code.rows.begin(), code.rows.end(), begin,
                         [](uint64_t address, const auto& each) { return address < each.first; });
    if (row != code.rows.begin()) --row;  // it holds at `begin` already
    for (; row != code.rows.end() && row->first < std::min(end, code.end); ++row) {
      Add(std::max(row->first, begin), row->second);
    }
    if (code.end < end) Add(code.end, NoRule());
  }

  void Add(uint64_t address, const unwind_rule& rule) {
    if (writer_.overflowed()) return;
    writer_.Add(address, rules_.IndexOf(rule, most_rules_));
  }

  const ElfImage& image_;
  std::optional<std::optional<KnownCode>> v8_;  // once looked for
  UnwindTable& table_;
  uint64_t end_;
  RuleDictionary& rules_;
  size_t most_rules_;
  std::vector<KnownCode> known_;
  size_t known_next_ = 0;
  RowWriter writer_;
  uint64_t cursor_;
  std::vector<FrameContext> contexts_;
};

}  // namespace

std::optional<uint64_t> UnwindTable::BiasOf(uint64_t start, uint64_t length,
                                            uint64_t file_offset) const {
  for (const ExecSegment& segment : segments) {
    const uint64_t first = segment.file_offset & ~kPageMask;
    const bool overlaps = file_offset < segment.file_offset + segment.size &&
                          (file_offset >= first || first - file_offset < length);
    // Unsigned arithmetic wraps where it should: only the sum counts.
    if (overlaps)
      return start - (segment.vaddr + file_offset - segment.file_offset) + first_page_vaddr;
  }
  return std::nullopt;
}

void UnwindTable::Renumber(std::span<const uint16_t> indexes) {
  for (uint32_t& row : rows) row = unwind_row(unwind_row_pc(row), indexes[unwind_row_rule(row)]);
}

absl::StatusOr<UnwindTable> BuildUnwindTable(const ElfImage& image, RuleDictionary& rules) {
  UnwindTable table;
  table.build_id = image.build_id();
  table.segments = ExecutableSegments(image);
  const absl::StatusOr<uint32_t> pages = CountPages(table.segments);
  if (!pages.ok()) return pages.status();
  const absl::StatusOr<FrameSection> frames = ReadFrameSection(image);
  if (!frames.ok()) return frames.status();
  table.first_page_vaddr = table.segments.front().vaddr & ~kPageMask;
  const absl::Status built = TableBuilder(image, table, *pages, rules).Build(*frames);
  if (!built.ok()) return built;
  return table;
}

}  // namespace waitscope
