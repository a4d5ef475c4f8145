#include "agent/symbols/module_loader.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/os/file_access.h"

namespace waitscope {
namespace {

constexpr size_t kMaxKnownModules = 16'384;
constexpr uint64_t kMaxVdsoBytes = 64 << 10;

std::string ReadLink(const std::string& path) {
  std::array<char, 256> target;
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<size_t>(length)) : std::string();
}

bool Is32Bit(const Mapping& mapping) { return mapping.end <= uint64_t{1} << 32; }

// Every process of one width has the same vdso, but a 64-bit agent has no 32-bit one.
std::string ReadVdso(const std::string& home, const Mapping& mapping) {
  const uint64_t size = mapping.end - mapping.start;
  if (size > kMaxVdsoBytes) return {};
  const UniqueFd memory(open(absl::StrCat(home, "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  std::string image(size, '\0');
  const ssize_t count =
      pread(memory.get(), image.data(), image.size(), static_cast<off_t>(mapping.start));
  return count == static_cast<ssize_t>(size) ? image : std::string();
}

std::string ReadOwnVdso() {
  const uint64_t start = getauxval(AT_SYSINFO_EHDR);
  const std::string maps = ReadText("/proc/self/maps", 32 << 20).value_or("");
  for (const Mapping& mapping : ParseMaps(maps, kMaxKnownModules).executable) {
    if (mapping.start == start) return ReadVdso("/proc/self", mapping);
  }
  return {};
}

}  // namespace

ModuleLoader::ModuleLoader(Options options)
    : options_(std::move(options)),
      debug_files_(options_.debug_directories),
      cache_(options_.cache_bytes) {}

std::string ModuleLoader::HomeOf(const Process& process) const {
  return absl::StrCat(options_.proc_dir, "/", process.pid);
}

std::shared_ptr<const ElfSymbols> ModuleLoader::Load(const Process& process, CodeMapping& mapping) {
  if (mapping.mapping.path == "[vdso]") return LoadVdso(process, mapping.mapping);
  if (mapping.mapping.inode == 0) return nullptr;
  if (mapping.module) {
    std::shared_ptr<const ElfSymbols> symbols = cache_.Get(mapping.module->key);
    if (symbols) return symbols;
  }
  if (mapping.unavailable) return nullptr;
  absl::StatusOr<OpenedFile> file = Open(process, mapping);
  if (file.ok()) return Adopt(*std::move(file), process, mapping);
  mapping.unavailable = true;
  if (!mapping.module) {
    const auto& [start, end, offset, device, inode, deleted, path] = mapping.mapping;
    const auto known = known_.find(MapsName(device, inode, path));
    if (known != known_.end()) mapping.module = known->second;
  }
  files_unavailable_ += mapping.module == nullptr;
  return mapping.module ? cache_.Get(mapping.module->key) : nullptr;
}

absl::StatusOr<OpenedFile> ModuleLoader::Open(const Process& process,
                                              const CodeMapping& code) const {
  const Mapping& mapping = code.mapping;
  const MappedPlace place{process.live ? HomeOf(process) : "", mapping.start, mapping.end,
                          mapping.deleted ? "" : mapping.path};
  return OpenMapped(place, options_.host_root, [&](const FileKey& key, FoundBy by) {
    if (by == FoundBy::kMapping) return true;
    return key.inode == mapping.inode && (!code.module || key == code.module->key);
  });
}

std::shared_ptr<const ElfSymbols> ModuleLoader::Adopt(OpenedFile file, const Process& process,
                                                      CodeMapping& mapping) {
  const FileKey key = file.key;
  std::shared_ptr<const ElfSymbols> symbols = cache_.Get(key);
  if (!symbols) {
    const auto source = std::make_shared<const ByteSource>(std::move(file.fd), key.size);
    // The host's debug files first: another root could hold anything under a known build id.
    std::vector<std::string> roots{options_.host_root};
    if (process.live) roots.push_back(HomeOf(process) + "/root");
    symbols = std::make_shared<const ElfSymbols>(
        ElfSymbols::Index(source, [&](const ElfLayout& stripped) {
          return debug_files_.Find(stripped, mapping.mapping.path, roots);
        }));
    cache_.Put(key, symbols);
    ++files_indexed_;
  }
  mapping.module = std::make_shared<const ModuleIdentity>(ModuleIdentity{key, symbols->build_id()});
  if (known_.size() >= kMaxKnownModules) known_.clear();
  known_[MapsName(mapping.mapping.device, mapping.mapping.inode, mapping.mapping.path)] =
      mapping.module;
  return symbols;
}

void ModuleLoader::AddDebugFile(const std::string& build_id) {
  ElfLayout stripped;
  stripped.build_id = build_id;
  const std::optional<DebugFile> debug = debug_files_.Find(stripped, "", {options_.host_root});
  if (debug) cache_.Complete(build_id, *debug);
}

std::shared_ptr<const ElfSymbols> ModuleLoader::LoadVdso(const Process& process,
                                                         const Mapping& mapping) {
  const bool is_32 = Is32Bit(mapping);
  std::shared_ptr<const ElfSymbols>& vdso = is_32 ? vdso_32_ : vdso_;
  if (vdso) return vdso;
  std::string image = is_32 ? ReadVdso(HomeOf(process), mapping) : ReadOwnVdso();
  if (image.empty()) return nullptr;
  const auto source = std::make_shared<const ByteSource>(std::move(image));
  vdso = std::make_shared<const ElfSymbols>(ElfSymbols::Index(source, nullptr));
  return vdso;
}

void ModuleLoader::LoadVanishing(Process& process) {
  const std::string own = ReadLink(options_.proc_dir + "/self/ns/mnt");
  const bool foreign = ReadLink(HomeOf(process) + "/ns/mnt") != own;
  for (CodeMapping& entry : process.mappings) {
    if (!entry.module && (foreign || entry.mapping.deleted)) Load(process, entry);
  }
}

}  // namespace waitscope
