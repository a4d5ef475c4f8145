#include "bpf/turn.h"

#include <gtest/gtest.h>

namespace waitscope {
namespace {

constexpr uint64_t kWaited = 100;  // jiffies

// A wait that a message ended, right after something had been sent.
object_turn TurnAfter(uint32_t sent, uint32_t received) {
  const conversation talk{.waited = kWaited,
                          .since_sent = kWaited,
                          .since_received = 0,
                          .sent = sent,
                          .received = received};
  return static_cast<object_turn>(turn_in(&talk));
}

// One that goes on, or whose time ran out.
object_turn TurnWhile(uint32_t since_sent, uint32_t since_received, uint32_t sent = 0,
                      uint32_t received = 0) {
  const conversation talk{.waited = kWaited,
                          .since_sent = since_sent,
                          .since_received = since_received,
                          .sent = sent,
                          .received = received};
  return static_cast<object_turn>(turn_in(&talk));
}

TEST(Turn, IsUnknownOfShortWaits) {
  const conversation talk{.waited = 7, .since_sent = 7};
  EXPECT_EQ(turn_in(&talk), TURN_unknown);
}

TEST(Turn, IsThePeersOnceWeHaveSentLast) { EXPECT_EQ(TurnWhile(kWaited, kWaited + 20), TURN_peer); }

TEST(Turn, IsOursWhenThePeerHasSentLastOrWeSendMeanwhile) {
  EXPECT_EQ(TurnWhile(kWaited + 20, kWaited + 10), TURN_own);
  EXPECT_EQ(TurnWhile(kWaited - 10, kWaited + 10), TURN_own);
}

TEST(Turn, IsThePeersOfQuestionsAndAnswersOfAnySize) {
  for (uint32_t answers = 4; answers < 200; ++answers) {
    for (uint32_t question = 1; question <= 4; ++question) {
      for (uint32_t answer = 1; answer <= 4; ++answer) {
        const uint32_t sent = question * (answers + 1);
        for (uint32_t come = 1; come <= answer; ++come) {
          EXPECT_EQ(TurnAfter(sent, answer * answers + come), TURN_peer)
              << question << " " << answer << " " << answers << " " << come;
        }
        EXPECT_EQ(TurnWhile(kWaited, kWaited + 1, sent, answer * answers), TURN_peer);
      }
    }
  }
}

TEST(Turn, IsEvenOfMessagesThatAreAcknowledgedOneByOne) {
  for (uint32_t messages = 9; messages < 200; ++messages) {
    for (uint32_t size = 1; size <= 4; ++size) {
      for (uint32_t come = 1; come <= size; ++come) {
        EXPECT_EQ(TurnAfter(messages, size * messages + come), TURN_even);
      }
      EXPECT_EQ(TurnAfter(size * messages, messages + 1), TURN_even);
      EXPECT_EQ(TurnWhile(kWaited, kWaited + 1, messages, size * messages), TURN_even);
    }
  }
}

TEST(Turn, IsEvenAfterASubscriptionThatWasConfirmed) {
  EXPECT_EQ(TurnAfter(1 + 12, 1 + 12 + 1), TURN_even);
}

TEST(Turn, IsThePeersWhereTooLittleWasSaidToTell) {
  EXPECT_EQ(TurnAfter(0, 1), TURN_peer);
  EXPECT_EQ(TurnAfter(2, 3), TURN_peer);
}

TEST(Turn, IsThePeersOfAnswersOfDifferentSize) { EXPECT_EQ(TurnAfter(40, 97), TURN_peer); }

}  // namespace
}  // namespace waitscope
