#include "tests/unwind/elf_bytes.h"

#include <elf.h>

#include <cstring>

namespace waitscope::testing {
namespace {

template <typename T>
void Append(Bytes& bytes, const T& value) {
  const auto* raw = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), raw, raw + sizeof(value));
}

// Every part has one segment; .eh_frame_hdr has two.
size_t SegmentsOf(const ElfParts& elf) {
  size_t count = elf.parts.size();
  for (const ElfPart& part : elf.parts) count += part.name == ".eh_frame_hdr" ? 1 : 0;
  return count;
}

Elf64_Phdr SegmentOf(const ElfParts& elf, size_t index, uint32_t type) {
  const ElfPart& part = elf.parts[index];
  Elf64_Phdr header = {};
  header.p_type = type;
  header.p_flags = part.executable ? PF_R | PF_X : PF_R;
  header.p_offset = FileOffsetOf(elf, index);
  header.p_vaddr = part.address;
  header.p_filesz = part.bytes.size();
  header.p_memsz = part.bytes.size();
  return header;
}

Elf64_Ehdr HeaderOf(const ElfParts& elf, uint64_t sections_at) {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_entry = elf.entry;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(SegmentsOf(elf));
  header.e_shentsize = sizeof(Elf64_Shdr);
  if (!elf.section_headers) return header;
  header.e_shoff = sections_at;
  header.e_shnum = static_cast<Elf64_Half>(elf.parts.size() + 2);
  header.e_shstrndx = static_cast<Elf64_Half>(elf.parts.size() + 1);
  return header;
}

void AppendSections(const ElfParts& elf, Bytes& file) {
  Bytes names = {0};
  std::vector<Elf64_Shdr> headers(1);
  for (size_t i = 0; i < elf.parts.size(); ++i) {
    Elf64_Shdr header = {};
    header.sh_name = static_cast<Elf64_Word>(names.size());
    header.sh_type = elf.parts[i].type;
    header.sh_addr = elf.parts[i].address;
    header.sh_offset = FileOffsetOf(elf, i);
    header.sh_size = elf.parts[i].bytes.size();
    headers.push_back(header);
    names.insert(names.end(), elf.parts[i].name.begin(), elf.parts[i].name.end());
    names.push_back(0);
  }
  Elf64_Shdr strings = {};
  strings.sh_type = SHT_STRTAB;
  strings.sh_offset = file.size() + (headers.size() + 1) * sizeof(Elf64_Shdr);
  strings.sh_size = names.size();
  headers.push_back(strings);
  for (const Elf64_Shdr& header : headers) Append(file, header);
  file.insert(file.end(), names.begin(), names.end());
}

}  // namespace

uint64_t FileOffsetOf(const ElfParts& elf, size_t index) {
  uint64_t offset = sizeof(Elf64_Ehdr) + SegmentsOf(elf) * sizeof(Elf64_Phdr);
  for (size_t i = 0; i < index; ++i) offset += elf.parts[i].bytes.size();
  return offset;
}

Bytes MakeElf(const ElfParts& elf) {
  Bytes file;
  Append(file, HeaderOf(elf, FileOffsetOf(elf, elf.parts.size())));
  for (size_t i = 0; i < elf.parts.size(); ++i) Append(file, SegmentOf(elf, i, PT_LOAD));
  for (size_t i = 0; i < elf.parts.size(); ++i) {
    if (elf.parts[i].name == ".eh_frame_hdr") Append(file, SegmentOf(elf, i, PT_GNU_EH_FRAME));
  }
  for (const ElfPart& part : elf.parts) {
    file.insert(file.end(), part.bytes.begin(), part.bytes.end());
  }
  if (elf.section_headers) AppendSections(elf, file);
  return file;
}

ElfParts TextWith(uint64_t address, uint64_t size, const Bytes& frames) {
  return {.parts = {{".text", address, Bytes(size, 0x90), true},
                    {".eh_frame", kFrames, frames, false}}};
}

}  // namespace waitscope::testing
