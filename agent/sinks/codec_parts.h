// Pieces that several answers are made of.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "agent/core/histogram.h"
#include "agent/core/snapshot.h"
#include "agent/core/stack_trust.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope {

// Writes each stack and each frame of an answer once and hands out its index; stack 0 is "none".
class StackInterner {
 public:
  StackInterner(const Snapshot& snapshot, google::protobuf::RepeatedPtrField<v1::Stack>* stacks,
                google::protobuf::RepeatedPtrField<v1::Frame>* frames);

  uint32_t Index(StackId id);

 private:
  using FrameIdentity = std::tuple<uint64_t, uint64_t, std::string_view, std::string_view,
                                   std::string_view, uint32_t>;

  uint32_t FrameIndex(const Frame& frame);

  const Snapshot& snapshot_;
  google::protobuf::RepeatedPtrField<v1::Stack>* stacks_;
  google::protobuf::RepeatedPtrField<v1::Frame>* frames_;
  std::map<StackId, uint32_t> stack_index_;
  std::map<FrameIdentity, uint32_t> frame_index_;
};

std::string CommOf(const Snapshot& snapshot, const ThreadKey& thread);
// Of its main thread; of another while that was not seen.
std::string ProcessComm(const Snapshot& snapshot, uint32_t pid);
v1::ThreadRef EncodeThreadRef(const Snapshot& snapshot, const ThreadKey& thread);
// An interrupt is its own waker: pid 0, and a comm that says which kind.
v1::ThreadRef EncodeWaker(const Snapshot& snapshot, const SampleKey& key);
v1::Histogram EncodeHistogram(const Histogram& histogram, uint64_t exact_max_ns = 0);
v1::WaitObject EncodeObject(const Snapshot& snapshot, const wait_object& object);
v1::Thread EncodeThread(const Snapshot& snapshot, const ThreadWindow& thread,
                        StackInterner& interner);
v1::Device EncodeDevice(const DeviceWindow& device, uint64_t duration_ns);
v1::Request EncodeRequest(const Snapshot& snapshot, const block_event& request);
std::string DeviceName(const Snapshot& snapshot, uint32_t dev);

// Every process that has a thread in the snapshot, with the sum over its threads.
google::protobuf::RepeatedPtrField<v1::Process> EncodeProcessList(const Snapshot& snapshot);
google::protobuf::RepeatedPtrField<v1::EventLoop> EncodeLoops(const Snapshot& snapshot);
google::protobuf::RepeatedPtrField<v1::Syscall> EncodeThreadCalls(const Snapshot& snapshot);
// Summed over each process's threads (tid 0), with the errors by name.
google::protobuf::RepeatedPtrField<v1::Syscall> EncodeProcessCalls(const Snapshot& snapshot);

google::protobuf::RepeatedPtrField<v1::UnreadRequests> EncodeUnread(const Snapshot& snapshot);
google::protobuf::RepeatedPtrField<v1::UnreadRequests> EncodeUnreadOf(const Snapshot& snapshot,
                                                                      uint32_t pid);

// Nanoseconds of a sum of estimates.
uint64_t Rounded(double value);
// The classes that have any.
google::protobuf::RepeatedPtrField<v1::StackTime> EncodeStackTime(const TrustedTime& time);

}  // namespace waitscope
