// The words answers use for the core's numbers. No protobuf here: any part may use them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/core/snapshot.h"

namespace waitscope {

std::string_view ClassWord(wait_class cls);
// The wait class of a blocked sample; "woken", "preempted" and "running" for the other states.
std::string_view SampleWord(const SampleKey& key);
std::string_view WakerContextWord(waker_context context);  // empty when not seen
std::string_view ObjectKindWord(uint8_t kind);
std::string_view BlockOpWord(uint8_t op);

struct LossWords {
  std::string_view reason;   // "ring-full"
  std::string_view meaning;  // what it does to the numbers
};
LossWords WordsOfLoss(loss_reason reason);

// "read"; "syscall-451" when this build's headers do not know the number; empty for -1, which is
// no system call, and "kernel" for -2, a kernel thread.
std::string SyscallName(int32_t number);
// "EAGAIN"; the number when the C library does not know it.
std::string ErrnoName(int32_t error);

// "10.0.0.5:5432", "[::1]:80"; empty for the unspecified address and port 0.
std::string AddressText(uint16_t family, const uint8_t (&address)[16], uint16_t port);
// What people call the thing: a peer's address, a file's last component, a futex word.
std::string ObjectName(const wait_object& object);
// "259:0", as /proc/diskstats and lsblk number devices.
std::string DeviceNumber(uint32_t dev);

}  // namespace waitscope
