#include "agent/os/process_memory.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

namespace waitscope {
namespace {

// Two pages of which the second is not there.
class ProcessMemory : public testing::Test {
 protected:
  ProcessMemory() {
    EXPECT_EQ(munmap(pages_ + page_, page_), 0);
    std::memset(pages_, 7, page_);
  }
  void TearDown() override { munmap(pages_, page_); }

  uint64_t At(size_t offset) const { return reinterpret_cast<uint64_t>(pages_) + offset; }

  const size_t page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  uint8_t* const pages_ = static_cast<uint8_t*>(
      mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
};

TEST_F(ProcessMemory, ReadsAllBeforeTheFirstPageThatIsNotThere) {
  std::vector<uint8_t> bytes(page_);
  EXPECT_EQ(ReadMemoryOf(getpid(), At(page_ - 100), bytes), 100u);
  EXPECT_EQ(bytes[99], 7);
}

TEST_F(ProcessMemory, ReadsNothingWhereNothingIs) {
  std::array<uint8_t, 16> bytes{};
  EXPECT_EQ(ReadMemoryOf(getpid(), At(page_), bytes), 0u);
  uint64_t word = 0;
  EXPECT_FALSE(ReadWordOf(getpid(), At(page_ - 4), &word)) << "half a word is none";
}

TEST_F(ProcessMemory, ReadsAWord) {
  uint64_t word = 0;
  ASSERT_TRUE(ReadWordOf(getpid(), At(8), &word));
  EXPECT_EQ(word, 0x0707070707070707u);
}

}  // namespace
}  // namespace waitscope
