#include "agent/os/process_memory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "agent/os/local_files.h"
#include "agent/os/unique_fd.h"
#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using ::testing::Each;
using testing::ScratchDirectory;

const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

// Pages that nobody has touched, of a file or of none.
class Pages {
 public:
  explicit Pages(size_t count, int file = -1)
      : bytes_(count * kPage),
        start_(static_cast<uint8_t*>(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | (file < 0 ? MAP_ANONYMOUS : 0), file, 0))) {
    madvise(start_, bytes_, MADV_NOHUGEPAGE);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() { munmap(start_, bytes_); }

  void Write(size_t page) { std::memset(start_ + page * kPage, 7, kPage); }
  uint64_t At(size_t offset) const { return reinterpret_cast<uint64_t>(start_) + offset; }
  bool InMemory(size_t page) const {
    unsigned char resident = 0;
    mincore(start_ + page * kPage, kPage, &resident);
    return (resident & 1) != 0;
  }

 private:
  size_t bytes_;
  uint8_t* start_;
};

// A process with our memory that does what it is told and then waits; but not for ever, so that
// what waits for it does not either.
class Child {
 public:
  explicit Child(const std::function<bool()>& prepare) {
    int ready[2];
    if (pipe(ready) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      alarm(20);
      const char told = prepare() ? 'y' : 'n';
      if (write(ready[1], &told, 1) == 1) pause();
      _exit(0);
    }
    char told = 'n';
    prepared_ = read(ready[0], &told, 1) == 1 && told == 'y';
    close(ready[0]);
    close(ready[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { End(); }

  pid_t pid() const { return pid_; }
  bool prepared() const { return prepared_; }
  bool IsThere() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }
  void End() {
    if (!ended_) kill(pid_, SIGKILL);
    if (!ended_) waitpid(pid_, nullptr, 0);
    ended_ = true;
  }

 private:
  pid_t pid_ = -1;
  bool prepared_ = false;
  bool ended_ = false;
};

// Whoever touches a page of ours there that has no content waits until we give it one: never.
bool KeepBack(uint64_t start, size_t bytes) {
  const auto fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
  uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
  uffdio_register range{
      .range = {.start = start, .len = bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING, .ioctls = 0};
  return fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0 && ioctl(fd, UFFDIO_REGISTER, &range) == 0;
}

TEST(ProcessMemory, ReadsAllBeforeTheFirstPageThatIsNotMapped) {
  Pages pages(2);
  pages.Write(0);
  munmap(reinterpret_cast<void*>(pages.At(kPage)), kPage);  // NOLINT
  std::vector<uint8_t> bytes(kPage);
  EXPECT_EQ(ReadMemoryOf(getpid(), pages.At(kPage - 100), bytes), 100u);
  EXPECT_EQ(bytes[99], 7);
  EXPECT_EQ(ReadMemoryOf(getpid(), pages.At(kPage), bytes), 0u);
}

TEST(ProcessMemory, ReadsOverTheBordersOfPages) {
  Pages pages(3);
  for (const size_t page : {0, 1, 2}) pages.Write(page);
  std::vector<uint8_t> bytes(kPage + 200);
  EXPECT_EQ(ReadMemoryOf(getpid(), pages.At(kPage - 100), bytes), bytes.size());
  EXPECT_THAT(bytes, Each(7));
  EXPECT_EQ(MemoryOf(static_cast<uint32_t>(getpid()))(pages.At(0), bytes), bytes.size());
}

TEST(ProcessMemory, ReadsThePageOfZerosThatAReaderWasGiven) {
  const Pages pages(1);
  std::array<uint8_t, 8> bytes{};
  EXPECT_EQ(*reinterpret_cast<const volatile uint8_t*>(pages.At(0)), 0);  // NOLINT
  EXPECT_EQ(ReadMemoryOf(getpid(), pages.At(0), bytes), bytes.size());
}

TEST(ProcessMemory, APageThatWasNeverTouchedIsNotBroughtIn) {
  Pages pages(2);
  pages.Write(0);
  std::vector<uint8_t> bytes(kPage);
  EXPECT_EQ(ReadMemoryOf(getpid(), pages.At(kPage - 100), bytes), 100u);
  EXPECT_EQ(ReadMemoryOf(getpid(), pages.At(kPage), bytes), 0u);
  EXPECT_EQ(MemoryAndFilesOf(static_cast<uint32_t>(getpid()))(pages.At(kPage), bytes), 0u);
  EXPECT_FALSE(pages.InMemory(1));
}

TEST(ProcessMemory, APageThatItsProcessKeepsBackIsNotWaitedFor) {
  Pages pages(2);
  pages.Write(0);
  const Child child([&] { return KeepBack(pages.At(0), 2 * kPage); });
  if (!child.prepared()) GTEST_SKIP() << "userfaultfd is not allowed";
  std::vector<uint8_t> bytes(kPage);
  EXPECT_EQ(ReadMemoryOf(child.pid(), pages.At(kPage - 100), bytes), 100u);
  EXPECT_EQ(bytes[99], 7);
  const ReadMemory memory = MemoryAndFilesOf(static_cast<uint32_t>(child.pid()));
  EXPECT_EQ(memory(pages.At(kPage - 100), bytes), 100u);
  EXPECT_TRUE(child.IsThere()) << "the read ended because the process did";
}

TEST(ProcessMemory, NothingIsReadOfAProcessThatIsGone) {
  Pages pages(1);
  pages.Write(0);
  Child child([] { return true; });
  const ReadMemory memory = MemoryOf(static_cast<uint32_t>(child.pid()));
  std::array<uint8_t, 8> bytes{};
  EXPECT_EQ(memory(pages.At(0), bytes), bytes.size());
  child.End();
  EXPECT_EQ(memory(pages.At(0), bytes), 0u);
  EXPECT_EQ(ReadMemoryOf(child.pid(), pages.At(0), bytes), 0u);
}

TEST(ProcessMemory, APageOfAFileIsBroughtInForWhoeverAsksForFiles) {
  const ScratchDirectory directory;
  const std::string path = directory.Write("text", std::string(2 * kPage, 'x'));
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Pages pages(2, file.get());
  pages.Write(0);
  const auto self = static_cast<uint32_t>(getpid());
  if (!LocalFiles(self).Hold(pages.At(0))) GTEST_SKIP() << "no file system of a disk";
  std::vector<uint8_t> bytes(200);
  EXPECT_EQ(MemoryOf(self)(pages.At(kPage - 100), bytes), 100u);
  EXPECT_EQ(MemoryAndFilesOf(self)(pages.At(kPage - 100), bytes), 200u);
  EXPECT_EQ(bytes[99], 7);
  EXPECT_EQ(bytes[199], 'x');
}

TEST(ProcessMemory, MoreThanOneReadTakesOfAFileIsRead) {
  const ScratchDirectory directory;
  const std::string path = directory.Write("text", std::string(40 * kPage, 'x'));
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const Pages pages(40, file.get());
  const auto self = static_cast<uint32_t>(getpid());
  if (!LocalFiles(self).Hold(pages.At(0))) GTEST_SKIP() << "no file system of a disk";
  std::vector<uint8_t> bytes(39 * kPage);
  EXPECT_EQ(MemoryAndFilesOf(self)(pages.At(5), bytes), bytes.size());
  EXPECT_THAT(bytes, Each('x'));
}

TEST(ProcessMemory, APageOfTmpfsIsNotBroughtIn) {
  const UniqueFd file(static_cast<int>(syscall(SYS_memfd_create, "pages", MFD_CLOEXEC)));
  ASSERT_EQ(ftruncate(file.get(), static_cast<off_t>(kPage)), 0);
  const Pages pages(1, file.get());
  std::array<uint8_t, 8> bytes{};
  EXPECT_EQ(MemoryAndFilesOf(static_cast<uint32_t>(getpid()))(pages.At(0), bytes), 0u);
}

}  // namespace
}  // namespace waitscope
