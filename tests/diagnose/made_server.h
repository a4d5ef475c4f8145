// A made-up server: process 10, whose main thread takes connections for its workers.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/diagnose/made_machine.h"

namespace waitscope {

class MadeServer : public testing::Test {
 protected:
  MadeServer() : main_(machine_.AddThread(10, 10, "server")) {}

  void AcceptConnections() {
    machine_.AddWait(main_,
                     {.cls = WAIT_poll, .syscall = __NR_accept4, .ns = 7 * kSecond, .count = 30});
  }
  ThreadKey AddWorker(uint32_t tid) {
    return machine_.AddThread(10, tid, "worker-" + std::to_string(tid));
  }
  void AskBackend(uint32_t tid, uint64_t ns, double count) {
    const auto port = static_cast<uint16_t>(40000 + tid);
    machine_.AddWait(AddWorker(tid), {.cls = WAIT_network,
                                      .syscall = __NR_recvfrom,
                                      .ns = ns,
                                      .count = count,
                                      .object = Connection(port, 5432)});
  }
  void Park(uint32_t tid, uint64_t ns, double count) {
    machine_.AddWait(AddWorker(tid), {.cls = WAIT_lock,
                                      .syscall = __NR_futex,
                                      .ns = ns,
                                      .count = count,
                                      .object = Futex(0x5000, kConditionOp),
                                      .waker = main_});
  }
  void AddCalls(uint32_t tid, uint64_t received, uint64_t sent) {
    machine_.AddCalls(AddWorker(tid), __NR_recvfrom, received);
    machine_.AddCalls(AddWorker(tid), __NR_sendto, sent);
  }
  // Ones that have lain unread for so long.
  void ReadRequests(uint64_t reads, uint64_t age_ns, uint32_t port = 8080) {
    UnreadWindow& window = machine_.snapshot().unread[{10, port}];
    window.reads += reads;
    window.ages.Add(age_ns, reads);
  }
  // As a client has it.
  static wait_object UnixConnection() {
    wait_object object{};
    object.kind = OBJECT_socket;
    object.family = 1;
    object.peer_port = 7;
    return object;
  }

  MadeMachine machine_;
  ThreadKey main_;
};

}  // namespace waitscope
