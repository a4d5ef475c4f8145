#include "agent/os/process_memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/os/local_files.h"
#include "agent/os/unique_fd.h"

namespace waitscope {
namespace {

constexpr size_t kMaxPages = 16;    // of one read
constexpr size_t kBlockPages = 16;  // of one look

// Of an entry of /proc/PID/pagemap. Told to whoever may open it; page frames take CAP_SYS_ADMIN.
constexpr uint64_t kPresent = 1ULL << 63;
constexpr uint64_t kSwapped = 1ULL << 62;

uint64_t PageBytes() {
  static const auto bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

// A page is copied whole or not at all: asking page by page, the kernel hands over all before the
// first that is not mapped.
size_t ReadPages(pid_t pid, uint64_t address, std::span<uint8_t> bytes, size_t pages) {
  std::array<iovec, kMaxPages> there{};
  size_t covered = 0;
  for (size_t page = 0; page < pages; ++page) {
    const uint64_t at = address + covered;
    const size_t length =
        std::min<uint64_t>(PageBytes() - at % PageBytes(), bytes.size() - covered);
    // An address of the other process, never to be followed here.
    there[page] = {reinterpret_cast<void*>(at), length};  // NOLINT
    covered += length;
  }
  const iovec here = {bytes.data(), covered};
  const ssize_t got = process_vm_readv(pid, &here, 1, there.data(), pages, 0);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

// Looks at many pages at once, and at each once: what is read of a process lies close together.
class Memory {
 public:
  explicit Memory(pid_t pid) : pid_(pid) {}

  // A page that goes between the look and the read is brought in, and waited for, after all: the
  // kernel has no read that leaves it. A moment in which few processes lose a page, but one that
  // means to hold us up may still manage to.
  size_t Read(uint64_t address, std::span<uint8_t> bytes) {
    const uint64_t end = address % PageBytes() + bytes.size();
    const uint64_t touched = std::min<uint64_t>((end + PageBytes() - 1) / PageBytes(), kMaxPages);
    const uint64_t first = address / PageBytes();
    size_t pages = 0;
    while (pages < touched && (EntryOf(first + pages) & kPresent) != 0) ++pages;
    return pages == 0 ? 0 : ReadPages(pid_, address, bytes, pages);
  }

  // The rest of a page, whatever that takes.
  size_t BringIn(uint64_t address, std::span<uint8_t> bytes) const {
    return ReadPages(pid_, address, bytes, 1);
  }

  bool IsSwapped(uint64_t address) { return (EntryOf(address / PageBytes()) & kSwapped) != 0; }

 private:
  struct Block {
    uint64_t first = 0;
    size_t known = 0;
    std::array<uint64_t, kBlockPages> entries{};
  };

  // 0 also when it cannot be told: the process is gone, or not ours to look at. To read all the
  // same is what must not be.
  uint64_t EntryOf(uint64_t page) {
    Block& block = blocks_[page / kBlockPages % blocks_.size()];
    if (page - block.first >= block.known) Look(page, block);
    return page - block.first < block.known ? block.entries[page - block.first] : 0;
  }

  void Look(uint64_t page, Block& block) {
    if (!pagemap_.ok()) {
      pagemap_ =
          UniqueFd(open(absl::StrCat("/proc/", pid_, "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
    }
    block.first = page - page % block.entries.size();
    const ssize_t got = pread(pagemap_.get(), block.entries.data(), sizeof(block.entries),
                              static_cast<off_t>(block.first * sizeof(block.entries[0])));
    block.known = got < 0 ? 0 : static_cast<size_t>(got) / sizeof(block.entries[0]);
  }

  pid_t pid_;
  UniqueFd pagemap_;  // opened when it is needed
  std::array<Block, 16> blocks_;
};

// The same with what lies in local files.
class MemoryAndFiles {
 public:
  explicit MemoryAndFiles(uint32_t pid) : memory_(static_cast<pid_t>(pid)), files_(pid) {}

  size_t Read(uint64_t address, std::span<uint8_t> bytes) {
    size_t done = 0;
    while (done < bytes.size()) {
      const uint64_t at = address + done;
      size_t got = memory_.Read(at, bytes.subspan(done));
      if (got == 0 && !memory_.IsSwapped(at) && files_.Hold(at)) {
        got = memory_.BringIn(at, bytes.subspan(done));
      }
      if (got == 0) break;
      done += got;
    }
    return done;
  }

 private:
  Memory memory_;
  LocalFiles files_;
};

template <typename Reader>
ReadMemory Reading(std::shared_ptr<Reader> memory) {
  return [memory = std::move(memory)](uint64_t address, std::span<uint8_t> into) {
    return memory->Read(address, into);
  };
}

}  // namespace

size_t ReadMemoryOf(pid_t pid, uint64_t address, std::span<uint8_t> bytes) {
  return Memory(pid).Read(address, bytes);
}

ReadMemory MemoryOf(uint32_t pid) {
  return Reading(std::make_shared<Memory>(static_cast<pid_t>(pid)));
}

ReadMemory MemoryAndFilesOf(uint32_t pid) { return Reading(std::make_shared<MemoryAndFiles>(pid)); }

}  // namespace waitscope
