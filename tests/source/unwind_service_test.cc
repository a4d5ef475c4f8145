#include "agent/source/unwind_service.h"

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/os/clock.h"
#include "agent/os/file_access.h"
#include "agent/source/online_cpus.h"
#include "tests/source/unwind_arrays.h"

namespace waitscope {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kProgram = "/usr/bin/sleep";

// A program that sleeps for longer than any test takes.
class Sleeper {
 public:
  Sleeper() {
    std::string name = kProgram;
    std::string seconds = "600";
    char* const words[] = {name.data(), seconds.data(), nullptr};
    if (posix_spawn(&pid_, kProgram, nullptr, nullptr, words, nullptr) != 0) pid_ = -1;
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  uint32_t pid() const { return static_cast<uint32_t>(pid_); }

  // Its only thread, once it sleeps.
  waiting_thread Asleep() const {
    waiting_thread waiting{};
    waiting.thread = {.pid = pid(), .tid = pid(), .start_ns = 1};
    waiting.since_ns = 1;
    waiting.ax = static_cast<uint64_t>(-ENOSYS);
    for (;; std::this_thread::yield()) {
      const auto text = ReadText(absl::StrCat("/proc/", pid(), "/syscall"), 4096);
      long call = -1;
      unsigned long sp = 0;
      unsigned long pc = 0;
      const int read = std::sscanf(text.value_or("").c_str(), "%ld %*x %*x %*x %*x %*x %*x %lx %lx",
                                   &call, &sp, &pc);
      if (read != 3 || call != SYS_clock_nanosleep) continue;
      waiting.sp = sp;
      waiting.pc = pc;
      waiting.orig_ax = call;
      return waiting;
    }
  }

 private:
  pid_t pid_ = -1;
};

// No table comes before `tables_come_` is set; those of other programs' files never come.
class UnwindServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "following mappings takes root";
    auto stream = MappingStream::Open(OnlineCpus());
    ASSERT_TRUE(stream.ok()) << stream.status();
    auto service = UnwindService::Start(
        *std::move(stream), arrays_.fds(), ring_.get(),
        [this](WantedFile& wanted, uint64_t most) { return Build(wanted, most); });
    ASSERT_TRUE(service.ok()) << service.status();
    service_ = *std::move(service);
  }

  void TearDown() override { LetTablesCome(); }

  std::optional<BuiltFile> Build(WantedFile& wanted, uint64_t most) const {
    tables_come_.wait(false);
    for (const char* name : {kProgram, "/libc.so", "/libc-", "/ld-"}) {
      if (absl::StrContains(wanted.file->path, name)) return BuildFile(wanted, most);
    }
    return BuiltFile{.file = wanted.file};
  }

  void LetTablesCome() {
    tables_come_ = true;
    tables_come_.notify_all();
  }

  // Until the process is known to have mapped the C library, the last of all.
  void AwaitMappings(const Sleeper& sleeper) const {
    const auto is_last = [](const Mapping& mapping) {
      return absl::StrContains(mapping.path, "/libc");
    };
    std::vector<Mapping> mappings;
    while (std::none_of(mappings.begin(), mappings.end(), is_last)) {
      std::this_thread::yield();
      mappings = service_->MappingsOf(sleeper.pid());
    }
  }

  UnwindArrays arrays_{1 << 20, 1 << 20};
  UniqueFd ring_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_RINGBUF, nullptr, 0, 0, 1 << 16, nullptr));
  std::atomic<bool> tables_come_ = false;
  std::unique_ptr<UnwindService> service_;
};

TEST_F(UnwindServiceTest, AProcessBornWhileATableIsBuiltIsKnown) {
  const Sleeper sleeper;
  AwaitMappings(sleeper);
  EXPECT_FALSE(tables_come_);
}

TEST_F(UnwindServiceTest, AStackIsHandedOverOnceItsTableHasCome) {
  const Sleeper sleeper;
  AwaitMappings(sleeper);
  EXPECT_THAT(service_->ReadOpen({sleeper.Asleep()}), IsEmpty());
  LetTablesCome();
  std::vector<OpenStack> read;
  while (read.empty()) read = service_->ReadOpen({});
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_EQ(read.front().waiting.thread.pid, sleeper.pid());
  EXPECT_EQ(read.front().stack.stack_class, UNWIND_CLASS_late_live);
  EXPECT_GT(read.front().stack.count, 2);
}

TEST_F(UnwindServiceTest, AStackWhoseTableTakesTooLongIsHandedOverAsFarAsItGoes) {
  const Sleeper sleeper;
  AwaitMappings(sleeper);
  EXPECT_THAT(service_->ReadOpen({sleeper.Asleep()}), IsEmpty());
  std::vector<OpenStack> read;
  while (read.empty()) {
    service_->Settle();
    read = service_->ReadOpen({});
  }
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_EQ(read.front().stack.stop, UNWIND_STOP_no_table);
  EXPECT_EQ(read.front().stack.count, 1);
}

TEST_F(UnwindServiceTest, StacksThatAreStillToBeReadDoNotHoldUpItsEnd) {
  const Sleeper sleeper;
  AwaitMappings(sleeper);
  LetTablesCome();
  service_->AwaitTables();
  service_->ReadOpen(std::vector(100'000, sleeper.Asleep()));
  const uint64_t begin = MonotonicNs();
  service_.reset();
  EXPECT_LT(MonotonicNs() - begin, 1'000'000'000u);
}

}  // namespace
}  // namespace waitscope
