// Who is on the other side of sockets, as a list of all open ones tells.
#include "agent/source/sides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Pair;

constexpr uint64_t kPoll = 0xe1;  // an epoll instance

socket_row Row(uint32_t pid, socket_kind kind, uint64_t epoll = 0) {
  socket_row row{};
  row.pid = pid;
  row.kind = kind;
  row.epoll = epoll;
  return row;
}

socket_row Poll(uint32_t pid, int32_t fd, uint64_t id, uint64_t watched_by = 0) {
  socket_row row = Row(pid, SOCKET_epoll, watched_by);
  row.fd = fd;
  row.id = id;
  return row;
}

socket_row Listener(uint32_t pid, uint16_t port, uint64_t epoll = 0) {
  socket_row row = Row(pid, SOCKET_listener, epoll);
  row.port = port;
  row.id = static_cast<uint64_t>(port) << 16;
  return row;
}

socket_row End(uint32_t pid, uint16_t own_port, uint16_t peer_port, uint64_t epoll = 0) {
  socket_row row = Row(pid, SOCKET_connection, epoll);
  row.port = own_port;
  row.id = static_cast<uint64_t>(own_port) << 16 | peer_port;
  row.peer = static_cast<uint64_t>(peer_port) << 16 | own_port;
  return row;
}

TEST(SidesTest, WhoListensAtThePortOfItsOwnEndIsAsked) {
  const auto sides = SidesOf({Poll(10, 4, kPoll), Listener(10, 8080, kPoll),
                              End(10, 8080, 41000, kPoll), End(20, 41000, 8080)});
  EXPECT_THAT(sides, Contains(Pair(SidesKey{10, 4}, SIDE_listens | SIDE_asked)));
  EXPECT_THAT(sides, Contains(Pair(SidesKey{10, -1}, SIDE_listens | SIDE_asked)));
  EXPECT_THAT(sides, Contains(Pair(SidesKey{20, -1}, SIDE_asks)));
}

TEST(SidesTest, AWorkerIsAskedByWhatItsParentListensFor) {
  const auto sides = SidesOf({Listener(10, 8080), End(11, 8080, 41000)});
  EXPECT_THAT(sides, Contains(Pair(SidesKey{11, -1}, SIDE_asked)));
}

TEST(SidesTest, APortOfAnotherNameSpaceIsAnotherPort) {
  socket_row elsewhere = Listener(10, 41000);
  elsewhere.netns = 7;
  EXPECT_THAT(SidesOf({elsewhere, End(20, 41000, 8080)}),
              Contains(Pair(SidesKey{20, -1}, SIDE_asks)));
}

TEST(SidesTest, AConnectionOfAProcessWithItselfIsOnNeitherSide) {
  const auto sides = SidesOf({Listener(10, 8080), End(10, 8080, 41000), End(10, 41000, 8080)});
  EXPECT_THAT(sides, ElementsAre(Pair(SidesKey{10, -1}, SIDE_listens)));
}

TEST(SidesTest, ConnectionsOfItsOwnAreCountedToTwo) {
  EXPECT_THAT(SidesOf({End(20, 41000, 80), End(20, 41001, 80), End(20, 41000, 80)}),
              ElementsAre(Pair(SidesKey{20, -1}, SIDE_asks | SIDE_asks_several)));
}

TEST(SidesTest, OneConnectionOpenedTwiceIsOne) {
  EXPECT_THAT(SidesOf({End(20, 41000, 80), End(20, 41000, 80)}),
              ElementsAre(Pair(SidesKey{20, -1}, SIDE_asks)));
}

TEST(SidesTest, EachPollHasTheSocketsThatItWatches) {
  const auto sides = SidesOf({Poll(10, 4, kPoll), Poll(10, 5, kPoll + 1),
                              Listener(10, 9100, kPoll + 1), End(10, 41000, 6379, kPoll)});
  EXPECT_THAT(sides, Contains(Pair(SidesKey{10, 4}, SIDE_asks)));
  EXPECT_THAT(sides, Contains(Pair(SidesKey{10, 5}, SIDE_listens)));
  EXPECT_THAT(sides, Contains(Pair(SidesKey{10, -1}, SIDE_listens | SIDE_asks)));
}

TEST(SidesTest, APollWithinAPollLendsItsSockets) {
  const auto sides = SidesOf(
      {Poll(10, 4, kPoll), Poll(10, 5, kPoll + 1, kPoll), Row(10, SOCKET_receiver, kPoll + 1)});
  EXPECT_THAT(sides, Contains(Pair(SidesKey{10, 4}, SIDE_receives)));
}

TEST(SidesTest, AListenerWithAQueueHasSomebodyWaiting) {
  socket_row listener = Listener(10, 8080);
  listener.waiting = 1;
  EXPECT_THAT(SidesOf({listener}),
              ElementsAre(Pair(SidesKey{10, -1}, SIDE_listens | SIDE_waiting)));
}

TEST(SidesTest, OnlyWhatChangesIsTold) {
  Sides sides;
  std::vector<sides_event> told;
  const auto tell = [&](uint64_t now_ns, const std::vector<socket_row>& rows) {
    sides.Tell(now_ns, rows,
               [&](const Event& event) { told.push_back(std::get<sides_event>(event)); });
  };
  tell(1, {Listener(10, 8080), Row(20, SOCKET_receiver)});
  tell(2, {Listener(10, 8080), Row(20, SOCKET_receiver)});
  tell(3, {Listener(10, 8080), End(10, 8080, 41000), Row(20, SOCKET_receiver)});
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[2].pid, 10u);
  EXPECT_EQ(told[2].at_ns, 3u);
  EXPECT_EQ(told[2].sides, static_cast<uint32_t>(SIDE_listens | SIDE_asked));
}

}  // namespace
}  // namespace waitscope
