#include "agent/symbols/elf_layout.h"

#include <elf.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace waitscope {
namespace {

// Linkers write about 10 program headers and 40 sections.
constexpr size_t kMaxSegments = 1024;
constexpr uint64_t kMaxNoteBytes = 64 << 10;
constexpr uint64_t kMaxLinkBytes = 4096;
constexpr size_t kMaxBuildIdBytes = 64;

using ElfHandle = std::unique_ptr<Elf, int (*)(Elf*)>;

// libelf allocates by the counts of the header before it compares them with the file: look
// first. Byte orders other than ours belong to no process of this machine.
absl::Status CheckHeader(const ByteSource& source) {
  Elf64_Ehdr header;
  Elf32_Ehdr header32;
  if (!source.Read(0, &header32, sizeof(header32)) ||
      std::memcmp(header32.e_ident, ELFMAG, SELFMAG) != 0) {
    return absl::InvalidArgumentError("not an ELF file");
  }
  const bool is_64 = header32.e_ident[EI_CLASS] == ELFCLASS64;
  if (is_64 && !source.Read(0, &header, sizeof(header))) {
    return absl::InvalidArgumentError("the ELF header is cut short");
  }
  if (header32.e_ident[EI_DATA] != ELFDATA2LSB) {
    return absl::InvalidArgumentError("the ELF file is big-endian");
  }
  const uint64_t sections_at = is_64 ? header.e_shoff : header32.e_shoff;
  const unsigned sections = is_64 ? header.e_shnum : header32.e_shnum;
  const unsigned segments = is_64 ? header.e_phnum : header32.e_phnum;
  // A count of zero with a table means the true count, 65,280 or more, is in the first section.
  if (segments > kMaxSegments || (sections == 0 && sections_at != 0)) {
    return absl::InvalidArgumentError("the ELF file has too many segments or sections");
  }
  return absl::OkStatus();
}

ElfHandle OpenElf(const ByteSource& source) {
  elf_version(EV_CURRENT);
  if (!source.in_memory()) {
    return {elf_begin(source.fd(), ELF_C_READ, nullptr), elf_end};
  }
  // libelf takes the image as writable but does not write in the read modes.
  char* const image = const_cast<char*>(source.image().data());
  return {elf_memory(image, source.image().size()), elf_end};
}

std::string BuildIdIn(Elf_Data* notes) {
  GElf_Nhdr note;
  size_t name_at = 0;
  size_t value_at = 0;
  size_t next = 0;
  for (size_t at = 0; (next = gelf_getnote(notes, at, &note, &name_at, &value_at)) > 0; at = next) {
    const auto* bytes = static_cast<const char*>(notes->d_buf);
    const bool gnu =
        note.n_namesz == sizeof("GNU") && std::memcmp(bytes + name_at, "GNU", sizeof("GNU")) == 0;
    if (gnu && note.n_type == NT_GNU_BUILD_ID && note.n_descsz <= kMaxBuildIdBytes) {
      return absl::BytesToHexString(absl::string_view(bytes + value_at, note.n_descsz));
    }
  }
  return {};
}

std::string BuildIdOf(Elf* elf, uint64_t offset, uint64_t size, uint64_t alignment) {
  if (size > kMaxNoteBytes || offset > INT64_MAX) return {};
  const Elf_Type type = alignment == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
  Elf_Data* const notes = elf_getdata_rawchunk(elf, static_cast<int64_t>(offset), size, type);
  return notes != nullptr && notes->d_buf != nullptr ? BuildIdIn(notes) : std::string();
}

void ReadSegments(Elf* elf, ElfLayout& layout) {
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return;
  GElf_Phdr header;
  for (size_t index = 0; index < std::min(count, kMaxSegments); ++index) {
    if (gelf_getphdr(elf, static_cast<int>(index), &header) == nullptr) return;
    if (header.p_type == PT_LOAD) {
      layout.segments.push_back(
          {header.p_offset, header.p_vaddr, header.p_filesz, (header.p_flags & PF_X) != 0});
    } else if (header.p_type == PT_NOTE && layout.build_id.empty()) {
      layout.build_id = BuildIdOf(elf, header.p_offset, header.p_filesz, header.p_align);
    }
  }
}

std::optional<DebugLink> ReadDebugLink(const ByteSource& source, const ElfSection& section) {
  if (section.size < 8 || section.size > kMaxLinkBytes) return std::nullopt;
  std::string bytes(section.size, '\0');
  if (!source.Read(section.offset, bytes.data(), bytes.size())) return std::nullopt;
  DebugLink link;
  link.name = bytes.substr(0, bytes.find('\0'));
  const size_t crc_at = (link.name.size() + 4) / 4 * 4;
  const bool plain = !link.name.empty() && link.name.find('/') == std::string::npos;
  if (!plain || crc_at + sizeof(link.crc) > bytes.size()) return std::nullopt;
  std::memcpy(&link.crc, bytes.data() + crc_at, sizeof(link.crc));
  return link;
}

std::string SectionName(const ByteSource& source, const ElfSection& names, uint64_t offset) {
  char name[32] = {};
  if (offset >= names.size || names.offset > UINT64_MAX - offset) return {};
  const size_t most = std::min<uint64_t>(sizeof(name) - 1, names.size - offset);
  return source.Read(names.offset + offset, name, most) ? name : std::string();
}

void NoteNamedSection(Elf* elf, const ByteSource& source, const std::string& name,
                      uint64_t alignment, const ElfSection& section, ElfLayout& layout) {
  if (name == ".gnu_debugdata") {
    layout.debugdata = section;
  } else if (name == ".gnu_debuglink") {
    layout.debug_link = ReadDebugLink(source, section);
  } else if (section.type == SHT_NOTE && layout.build_id.empty()) {
    layout.build_id = BuildIdOf(elf, section.offset, section.size, alignment);
  }
}

void ReadSections(Elf* elf, const ByteSource& source, ElfLayout& layout) {
  std::vector<GElf_Shdr> headers;
  for (Elf_Scn* scn = elf_getscn(elf, 0); scn != nullptr; scn = elf_nextscn(elf, scn)) {
    GElf_Shdr header;
    if (gelf_getshdr(scn, &header) == nullptr) break;
    headers.push_back(header);
    layout.sections.push_back({header.sh_type, header.sh_flags, header.sh_addr, header.sh_offset,
                               header.sh_size, header.sh_link});
  }
  size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0 || names >= headers.size()) return;
  for (size_t index = 1; index < headers.size(); ++index) {
    if (layout.sections[index].type == SHT_NOBITS) continue;
    const std::string name = SectionName(source, layout.sections[names], headers[index].sh_name);
    NoteNamedSection(elf, source, name, headers[index].sh_addralign, layout.sections[index],
                     layout);
  }
}

}  // namespace

std::optional<uint64_t> ElfLayout::AddressOf(uint64_t file_offset) const {
  for (const bool executable : {true, false}) {
    for (const ElfSegment& segment : segments) {
      if (segment.executable != executable || file_offset < segment.offset) continue;
      const uint64_t within = file_offset - segment.offset;
      if (within < segment.file_size) return segment.address + within;
    }
  }
  return std::nullopt;
}

const ElfSection* ElfLayout::FindSection(uint32_t type) const {
  const auto found = std::find_if(sections.begin(), sections.end(),
                                  [&](const ElfSection& entry) { return entry.type == type; });
  return found == sections.end() ? nullptr : &*found;
}

absl::StatusOr<ElfLayout> ReadElfLayout(const ByteSource& source) {
  const absl::Status checked = CheckHeader(source);
  if (!checked.ok()) return checked;
  const ElfHandle elf = OpenElf(source);
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF) {
    return absl::InvalidArgumentError(absl::StrCat("not a usable ELF file: ", elf_errmsg(-1)));
  }
  ElfLayout layout;
  layout.is_64 = gelf_getclass(elf.get()) == ELFCLASS64;
  ReadSegments(elf.get(), layout);
  ReadSections(elf.get(), source, layout);
  return layout;
}

}  // namespace waitscope
