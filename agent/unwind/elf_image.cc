#include "agent/unwind/elf_image.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/unwind/byte_reader.h"

namespace waitscope {
namespace {

// Linkers write about 10 program headers and 40 sections.
constexpr size_t kMaxSegments = 1024;
constexpr size_t kMaxSections = 4096;
constexpr uint64_t kMaxNamesBytes = 1 << 20;
// Every section may have the same megabyte for its name.
constexpr size_t kMaxNameBytes = 64;
constexpr uint64_t kMaxNoteBytes = 64 << 10;
constexpr size_t kMaxBuildIdBytes = 64;

absl::Status CheckHeader(const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return absl::InvalidArgumentError("not an ELF file");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64) {
    return absl::UnimplementedError("not a file of x86-64: its stacks cannot be unwound");
  }
  if (header.e_phnum > kMaxSegments || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return absl::InvalidArgumentError("the ELF file's program headers are not usable");
  }
  return absl::OkStatus();
}

std::string NameAt(const std::vector<uint8_t>& names, size_t at) {
  if (at >= names.size()) return {};
  const auto* name = reinterpret_cast<const char*>(names.data()) + at;
  return {name, strnlen(name, std::min(names.size() - at, kMaxNameBytes))};
}

template <typename Header>
std::vector<Header> ReadTable(const ElfImage& image, uint64_t offset, size_t count) {
  const std::vector<uint8_t> bytes = image.Read(offset, count * sizeof(Header));
  std::vector<Header> headers(bytes.size() / sizeof(Header));
  if (!headers.empty()) std::memcpy(headers.data(), bytes.data(), headers.size() * sizeof(Header));
  return headers;
}

}  // namespace

absl::StatusOr<ElfImage> ElfImage::FromFile(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return absl::ErrnoToStatus(errno, "cannot stat an ELF file");
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError("not a regular file");
  ElfImage image;
  image.fd_ = fd;
  image.size_ = static_cast<uint64_t>(status.st_size);
  if (absl::Status read = image.ReadHeaders(); !read.ok()) return read;
  return image;
}

absl::StatusOr<ElfImage> ElfImage::FromMemory(std::span<const uint8_t> bytes) {
  ElfImage image;
  image.memory_ = bytes;
  image.size_ = bytes.size();
  if (absl::Status read = image.ReadHeaders(); !read.ok()) return read;
  return image;
}

const ElfImage::Section* ElfImage::FindSection(absl::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(), [&](const Section& section) {
    return absl::string_view(section.name) == name;
  });
  return found == sections_.end() ? nullptr : &*found;
}

std::vector<uint8_t> ElfImage::Read(uint64_t offset, uint64_t size) const {
  if (offset >= size_) return {};
  size = std::min(size, size_ - offset);
  if (fd_ < 0) {
    const auto part = memory_.subspan(offset, size);
    return {part.begin(), part.end()};
  }
  std::vector<uint8_t> bytes(size);
  size_t got = 0;
  while (got < size) {
    const ssize_t count =
        pread(fd_, bytes.data() + got, size - got, static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    got += static_cast<size_t>(count);
  }
  bytes.resize(got);
  return bytes;
}

std::vector<uint8_t> ElfImage::ReadAddress(uint64_t address, uint64_t size) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address >= segment.file_size) continue;
    const uint64_t within = address - segment.address;
    return Read(segment.offset + within, std::min(size, segment.file_size - within));
  }
  return {};
}

absl::Status ElfImage::ReadHeaders() {
  const auto headers = ReadTable<Elf64_Ehdr>(*this, 0, 1);
  if (headers.empty()) return absl::InvalidArgumentError("the file is too short for an ELF file");
  const Elf64_Ehdr& header = headers.front();
  if (absl::Status checked = CheckHeader(header); !checked.ok()) return checked;
  entry_ = header.e_entry;
  if (absl::Status read = ReadSegments(header.e_phoff, header.e_phnum); !read.ok()) return read;
  if (header.e_shnum <= kMaxSections && header.e_shentsize == sizeof(Elf64_Shdr)) {
    ReadSections(header.e_shoff, header.e_shnum, header.e_shstrndx);
  }
  return absl::OkStatus();
}

absl::Status ElfImage::ReadSegments(uint64_t offset, size_t count) {
  for (const auto& header : ReadTable<Elf64_Phdr>(*this, offset, count)) {
    // What overflows can be mapped by no process.
    const bool sane =
        header.p_vaddr <= INT64_MAX && header.p_filesz <= INT64_MAX && header.p_offset <= INT64_MAX;
    if (!sane) return absl::InvalidArgumentError("a segment of the ELF file overflows");
    const uint64_t in_file =
        std::min(header.p_filesz, size_ > header.p_offset ? size_ - header.p_offset : 0);
    if (header.p_type == PT_LOAD) {
      segments_.push_back({header.p_vaddr, header.p_offset, in_file, (header.p_flags & PF_X) != 0});
    } else if (header.p_type == PT_GNU_EH_FRAME) {
      frame_header_ = header.p_vaddr;
    } else if (header.p_type == PT_NOTE && build_id_.empty()) {
      ReadNotes(header.p_offset, header.p_filesz);
    }
  }
  return absl::OkStatus();
}

void ElfImage::ReadSections(uint64_t offset, size_t count, size_t names) {
  const auto headers = ReadTable<Elf64_Shdr>(*this, offset, count);
  if (names >= headers.size()) return;
  const auto text =
      Read(headers[names].sh_offset, std::min(headers[names].sh_size, kMaxNamesBytes));
  for (const Elf64_Shdr& header : headers) {
    sections_.push_back({NameAt(text, header.sh_name), header.sh_type, header.sh_addr,
                         header.sh_offset, header.sh_type == SHT_NOBITS ? 0 : header.sh_size});
  }
}

void ElfImage::ReadNotes(uint64_t offset, uint64_t size) {
  const std::vector<uint8_t> bytes = Read(offset, std::min(size, kMaxNoteBytes));
  ByteReader reader(bytes);
  while (reader.left() >= sizeof(Elf64_Nhdr)) {
    const auto note = reader.Fixed<Elf64_Nhdr>();
    const auto name = reader.Take((uint64_t{note.n_namesz} + 3) / 4 * 4);
    const auto value = reader.Take((uint64_t{note.n_descsz} + 3) / 4 * 4);
    const bool gnu = note.n_namesz == sizeof("GNU") && reader.ok() &&
                     std::memcmp(name.data(), "GNU", sizeof("GNU")) == 0;
    if (!gnu || note.n_type != NT_GNU_BUILD_ID || note.n_descsz > kMaxBuildIdBytes) continue;
    const auto* text = reinterpret_cast<const char*>(value.data());
    build_id_ = absl::BytesToHexString(absl::string_view(text, note.n_descsz));
    return;
  }
}

}  // namespace waitscope
