#include "agent/os/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "agent/os/unique_fd.h"

namespace waitscope {
namespace {

// Those that Debian 12's headers do not know yet.
constexpr uint64_t kTruncate = 1 << 14;  // v6.2
constexpr uint64_t kIoctlDev = 1 << 15;  // v6.10

constexpr uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate |
                            LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                            LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;
// The kernel refuses the others for what is no directory.
constexpr uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;

// All that this kernel can forbid; it refuses what it does not know.
uint64_t Known(long version) {
  uint64_t known = 2 * LANDLOCK_ACCESS_FS_MAKE_SYM - 1;
  if (version >= 2) known |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) known |= kTruncate;
  if (version >= 5) known |= kIoctlDev;
  return known;
}

void Allow(const UniqueFd& rules, const std::string& path, uint64_t access) {
  const UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat about {};
  if (!file.ok() || fstat(file.get(), &about) != 0) return;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(about.st_mode) ? access : access & kOfFiles;
  rule.parent_fd = file.get();
  syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

}  // namespace

bool LimitFiles(const FileLimits& limits) {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  landlock_ruleset_attr forbidden{};
  forbidden.handled_access_fs = Known(version);
  const UniqueFd rules(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &forbidden, sizeof(forbidden), 0)));
  if (!rules.ok()) return false;
  for (const std::string& path : limits.read) Allow(rules, path, kRead);
  Allow(rules, limits.write, (kRead | kWrite) & Known(version));
  return syscall(SYS_landlock_restrict_self, rules.get(), 0) == 0;
}

}  // namespace waitscope
