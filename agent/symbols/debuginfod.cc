#include "agent/symbols/debuginfod.h"

#include <dlfcn.h>
#include <elfutils/debuginfod.h>
#include <linux/capability.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <system_error>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/os/clock.h"
#include "agent/os/landlock.h"

namespace waitscope {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kPatienceNs = 30 * kSecond;  // for the first byte
constexpr unsigned kLongestSeconds = 600;
constexpr auto kLook = std::chrono::milliseconds(50);

// How the process that fetches ends, beside 0 and errno, which ends at 133.
constexpr int kNoLibrary = 255;

// Where the library puts it.
std::string DownloadOf(const DebuginfodOptions& options, const std::string& build_id) {
  return absl::StrCat(options.directory, "/", build_id, "/debuginfo");
}

// The library is told what to do by these alone. Of two with one name the first counts. No second
// try: up to 0.188 at least it would write behind what came first, or say "not found".
std::vector<std::string> EnvironmentFor(const DebuginfodOptions& options) {
  std::vector<std::string> variables = {
      absl::StrCat(DEBUGINFOD_URLS_ENV_VAR, "=", absl::StrJoin(options.servers, " ")),
      absl::StrCat(DEBUGINFOD_CACHE_PATH_ENV_VAR, "=", options.directory),
      absl::StrCat(DEBUGINFOD_MAXSIZE_ENV_VAR, "=", options.max_file_bytes),
      absl::StrCat(DEBUGINFOD_RETRY_LIMIT_ENV_VAR, "=0")};
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers(words.size() + 1);  // null ends them
  std::ranges::transform(words, pointers.begin(), [](std::string& word) { return word.data(); });
  return pointers;
}

// It has no file of ours but the standard ones, and takes the signals that we block.
int Spawn(char* const* arguments, char* const* environment, pid_t& process) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error =
      posix_spawn(&process, "/proc/self/exe", &files, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

absl::StatusOr<pid_t> Start(const DebuginfodOptions& options, const std::string& build_id) {
  std::vector<std::string> arguments = {"waitscoped", kFetchFlag, build_id};
  std::vector<std::string> environment = EnvironmentFor(options);
  pid_t process = -1;
  const int error = Spawn(Pointers(arguments).data(), Pointers(environment).data(), process);
  if (error == 0) return process;
  return absl::UnavailableError(
      absl::StrCat("cannot start a process that asks: ", std::strerror(error)));
}

bool HasBegun(const std::string& directory) {
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (entry->file_size(gone) > 0 && !gone) return true;
  }
  return false;
}

// Why it must not go on, if so.
std::string WhyEnd(const std::string& directory, uint64_t begun_ns,
                   const std::atomic<bool>& give_up) {
  if (give_up) return "the agent is stopping";
  const bool patient = MonotonicNs() - begun_ns < kPatienceNs || HasBegun(directory);
  return patient ? "" : "no server has answered within 30 s";
}

// A library's error as it means it; the system's words would mislead.
std::string Meaning(int error) {
  switch (error) {
    case EHOSTUNREACH:
      return "the server's name cannot be resolved";
    case ECONNREFUSED:
      return "cannot connect, or its certificate is not trusted";
    case ETIME:
      return "the server is too slow";
    case EFBIG:
      return "the file is too large";
    case EIO:
      return "what came is too large, or the disk is full";
    default:
      return std::strerror(error);
  }
}

absl::Status Outcome(int status) {
  if (WIFSIGNALED(status)) {
    if (WTERMSIG(status) == SIGXFSZ) return absl::ResourceExhaustedError(Meaning(EIO));
    if (WTERMSIG(status) == SIGALRM)
      return absl::DeadlineExceededError("not there after 10 minutes");
    return absl::UnavailableError(
        absl::StrCat("the process that asked was ended by signal ", WTERMSIG(status)));
  }
  const int error = WEXITSTATUS(status);
  if (error == 0) return absl::OkStatus();
  if (error == ENOENT) return absl::NotFoundError("no server has it");
  if (error == EFBIG) return absl::ResourceExhaustedError(Meaning(error));
  if (error == EINVAL || error == EACCES) return absl::FailedPreconditionError(Meaning(error));
  return absl::UnavailableError(Meaning(error));
}

// How it ended, by itself or because we did.
absl::Status Wait(pid_t process, const std::string& directory, const std::atomic<bool>& give_up) {
  const uint64_t begun_ns = MonotonicNs();
  std::string why;
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(process, &status, WNOHANG)) == 0) {
    if (why.empty()) why = WhyEnd(directory, begun_ns, give_up);
    if (!why.empty()) kill(process, SIGKILL);
    std::this_thread::sleep_for(kLook);
  }
  if (!why.empty()) return absl::UnavailableError(why);
  if (ended == process) return Outcome(status);
  return absl::UnavailableError(absl::StrCat("how it ended is not known: ", std::strerror(errno)));
}

absl::StatusOr<std::string> Find(const DebuginfodOptions& options, const std::string& build_id,
                                 const std::atomic<bool>& give_up) {
  std::error_code ignored;
  // What a killed agent left, and the library's own memory of what is missing.
  fs::remove_all(options.directory, ignored);
  const absl::StatusOr<pid_t> process = Start(options, build_id);
  if (!process.ok()) return process.status();
  const std::string file = DownloadOf(options, build_id);
  const absl::Status status = Wait(*process, fs::path(file).parent_path(), give_up);
  if (!status.ok()) return status;
  return file;
}

// Whom it talks to is not trusted. Its user still owns the directory.
void DropPrivileges() {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int each = 0; prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; ++each) {
    prctl(PR_CAPBSET_DROP, each, 0, 0, 0);
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capset, &header, none) != 0) _exit(EPERM);
}

// It must not outlive the thread that waits for it, nor fill the disk: the library counts bytes on
// the wire, where a gigabyte of zeros is a megabyte.
void Confine() {
  DropPrivileges();
  umask(0077);  // it can do without what it inherits, and, unprivileged, not with what locks it out
  prctl(PR_SET_NAME, "ws-debuginfod");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(kLongestSeconds);
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
  const char* const most = std::getenv(DEBUGINFOD_MAXSIZE_ENV_VAR);
  rlim_t bytes = 0;
  if (most == nullptr || !absl::SimpleAtoi(most, &bytes)) return;
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  setrlimit(RLIMIT_FSIZE, &limit);
}

// What the libraries read late: more libraries, how names of hosts are found, and who is trusted.
// Of /etc no more than that: the rest of it is full of secrets.
constexpr const char* kNeeded[] = {
    "/usr",
    "/nix/store",
    "/gnu/store",
    "/lib",
    "/lib64",
    "/dev/urandom",
    "/proc/sys/crypto/fips_enabled",
    "/etc/ld.so.cache",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/nsswitch.conf",
    "/etc/services",
    "/etc/os-release",
    "/etc/gnutls",
    "/etc/crypto-policies",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/var/lib/ca-certificates",
};
constexpr const char* kNamesOfNeeded[] = {DEBUGINFOD_HEADERS_FILE_ENV_VAR, "SSL_CERT_FILE",
                                          "SSL_CERT_DIR"};

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// It has no capabilities, but is root, as a rule: what is root's would be its own.
void LeaveOnlyDownloads() {
  FileLimits limits{.read = {std::begin(kNeeded), std::end(kNeeded)},
                    .write = Variable(DEBUGINFOD_CACHE_PATH_ENV_VAR)};
  for (const char* name : kNamesOfNeeded) limits.read.push_back(Variable(name));
  mkdir(limits.write.c_str(), 0700);  // as the library would, but for the limits
  LimitFiles(limits);
}

template <typename Function>
Function* Loaded(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

int Fetch(void* library, const std::string& build_id) {
  debuginfod_client* const client =
      Loaded<decltype(debuginfod_begin)>(library, "debuginfod_begin")();
  if (client == nullptr) return ENOMEM;
  const int file =
      Loaded<decltype(debuginfod_find_debuginfo)>(library, "debuginfod_find_debuginfo")(
          client, reinterpret_cast<const unsigned char*>(build_id.c_str()), 0, nullptr);
  return file < 0 ? -file : 0;
}

}  // namespace

absl::StatusOr<DebugFetcher::Fetch> OpenDebuginfod(const DebuginfodOptions& options) {
  const std::atomic<bool> never = false;
  const absl::StatusOr<pid_t> trial = Start(options, "");
  if (!trial.ok()) return trial.status();
  if (!Wait(*trial, options.directory, never).ok()) {
    return absl::UnavailableError("--debuginfod needs " DEBUGINFOD_SONAME
                                  ", which cannot be loaded. Install it (Debian: "
                                  "apt-get install libdebuginfod1), or leave out --debuginfod");
  }
  return [options](const std::string& build_id, const std::atomic<bool>& give_up) {
    return Find(options, build_id, give_up);
  };
}

void FetchDebugFile(const std::string& build_id) {
  Confine();
  void* const library = dlopen(DEBUGINFOD_SONAME, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) std::cerr << "waitscoped: " << dlerror() << "\n";
  // What the libraries would do at the end is of no use, and may fail.
  if (library == nullptr) _exit(kNoLibrary);
  if (build_id.empty()) _exit(0);
  LeaveOnlyDownloads();
  _exit(Fetch(library, build_id));
}

}  // namespace waitscope
