#include "agent/sinks/words.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <set>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

TEST(WordsTest, EveryClassHasItsOwnWord) {
  std::set<std::string_view> words;
  for (int cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    words.insert(ClassWord(static_cast<wait_class>(cls)));
  }
  EXPECT_EQ(words.size(), size_t{WAIT_CLASS_COUNT});
  EXPECT_EQ(ClassWord(WAIT_fault), "page-fault");
  EXPECT_EQ(ClassWord(WAIT_child), "child");
  EXPECT_EQ(ClassWord(static_cast<wait_class>(200)), "other");
}

TEST(WordsTest, EveryLossHasAWordAndAMeaning) {
  std::set<std::string_view> words;
  for (int reason = 1; reason < LOST_REASON_COUNT; ++reason) {
    const LossWords loss = WordsOfLoss(static_cast<loss_reason>(reason));
    words.insert(loss.reason);
    EXPECT_FALSE(loss.meaning.empty()) << loss.reason;
  }
  EXPECT_EQ(words.size(), size_t{LOST_REASON_COUNT - 1});
  EXPECT_EQ(WordsOfLoss(LOST_ring_full).reason, "ring-full");
  EXPECT_EQ(WordsOfLoss(LOST_state_mismatch).reason, "state-mismatch");
}

TEST(WordsTest, SystemCallsHaveTheirKernelsNames) {
  EXPECT_EQ(SyscallName(SYS_read), "read");
  EXPECT_EQ(SyscallName(SYS_futex), "futex");
  EXPECT_EQ(SyscallName(SYS_epoll_pwait), "epoll_pwait");
  EXPECT_EQ(SyscallName(-1), "");
  EXPECT_EQ(SyscallName(-2), "kernel");
  EXPECT_EQ(SyscallName(99'999), "syscall-99999");
}

TEST(WordsTest, ErrorsHaveTheirNames) {
  EXPECT_EQ(ErrnoName(EAGAIN), "EAGAIN");
  EXPECT_EQ(ErrnoName(512), "512");  // ERESTARTSYS: the kernel's own
}

wait_object Socket(uint16_t family, const char* peer, uint16_t port) {
  wait_object object{};
  object.kind = OBJECT_socket;
  object.family = family;
  inet_pton(family, peer, object.peer_addr);
  object.peer_port = port;
  return object;
}

TEST(WordsTest, ObjectsAreCalledWhatPeopleCallThem) {
  EXPECT_EQ(ObjectName(Socket(AF_INET, "10.0.0.5", 5432)), "10.0.0.5:5432");
  EXPECT_EQ(ObjectName(Socket(AF_INET6, "fe80::1", 80)), "[fe80::1]:80");
  wait_object listener = Socket(AF_INET, "0.0.0.0", 0);
  listener.local_port = 8080;
  EXPECT_EQ(ObjectName(listener), "at 0.0.0.0:8080");
  wait_object futex{};
  futex.kind = OBJECT_futex;
  futex.id = 0x7f3c0a10;
  EXPECT_EQ(ObjectName(futex), "0x7f3c0a10");
  wait_object file{};
  file.kind = OBJECT_file;
  SetText(file.name, "table.db");
  EXPECT_EQ(ObjectName(file), "table.db");
}

TEST(WordsTest, ANameThatFillsItsFieldEndsWithIt) {
  wait_object file{};
  file.kind = OBJECT_file;
  for (char& letter : file.name) letter = 'x';
  EXPECT_EQ(ObjectName(file), std::string(sizeof file.name, 'x'));
}

TEST(WordsTest, DevicesAreNumberedAsLsblkNumbersThem) {
  EXPECT_EQ(DeviceNumber((259U << 20) | 3), "259:3");
}

}  // namespace
}  // namespace waitscope
