#include "agent/symbols/debug_files.h"

#include <elf.h>
#include <lzma.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/os/file_access.h"

namespace waitscope {
namespace {

constexpr uint64_t kMaxChecksummedBytes = 256 << 20;

// The checksum of .gnu_debuglink is the CRC-32 of xz (and of zlib).
bool HasChecksum(const ByteSource& source, uint32_t expected) {
  if (source.size() > kMaxChecksummedBytes) return false;
  std::array<uint8_t, 64 << 10> chunk;
  uint32_t crc = 0;
  for (uint64_t at = 0; at < source.size(); at += chunk.size()) {
    const size_t count = std::min<uint64_t>(chunk.size(), source.size() - at);
    if (!source.Read(at, chunk.data(), count)) return false;
    crc = lzma_crc32(chunk.data(), count, crc);
  }
  return crc == expected;
}

bool Belongs(const ElfLayout& stripped, const DebugFile& found) {
  if (found.layout.FindSection(SHT_SYMTAB) == nullptr) return false;
  if (!stripped.build_id.empty()) return found.layout.build_id == stripped.build_id;
  return stripped.debug_link && HasChecksum(*found.source, stripped.debug_link->crc);
}

std::optional<DebugFile> Open(const std::string& root, const std::string& path) {
  absl::StatusOr<OpenedFile> file = OpenFileInRoot(root, path);
  if (!file.ok()) return std::nullopt;
  auto source = std::make_shared<const ByteSource>(std::move(file->fd), file->key.size);
  absl::StatusOr<ElfLayout> layout = ReadElfLayout(*source);
  if (!layout.ok()) return std::nullopt;
  return DebugFile{std::move(source), *std::move(layout)};
}

}  // namespace

std::vector<std::string> DebugFiles::Candidates(const ElfLayout& stripped,
                                                const std::string& module_path) const {
  std::vector<std::string> paths;
  if (stripped.build_id.size() > 2) {
    const std::string file = absl::StrCat("/.build-id/", stripped.build_id.substr(0, 2), "/",
                                          stripped.build_id.substr(2), ".debug");
    for (const std::string& directory : directories_) paths.push_back(directory + file);
  }
  const size_t slash = module_path.rfind('/');
  if (!stripped.debug_link || slash == std::string::npos) return paths;
  const std::string home = module_path.substr(0, slash);
  const std::string& name = stripped.debug_link->name;
  paths.push_back(absl::StrCat(home, "/", name));
  paths.push_back(absl::StrCat(home, "/.debug/", name));
  for (const std::string& directory : directories_) {
    paths.push_back(absl::StrCat(directory, home, "/", name));
  }
  return paths;
}

std::optional<DebugFile> DebugFiles::Find(const ElfLayout& stripped, const std::string& module_path,
                                          const std::vector<std::string>& roots) const {
  for (const std::string& path : Candidates(stripped, module_path)) {
    for (const std::string& root : roots) {
      std::optional<DebugFile> found = Open(root, path);
      if (found && Belongs(stripped, *found)) return found;
    }
  }
  return std::nullopt;
}

}  // namespace waitscope
