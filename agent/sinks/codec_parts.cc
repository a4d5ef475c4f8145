#include "agent/sinks/codec_parts.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "agent/sinks/words.h"

namespace waitscope {

using google::protobuf::RepeatedPtrField;

StackInterner::StackInterner(const Snapshot& snapshot, RepeatedPtrField<v1::Stack>* stacks,
                             RepeatedPtrField<v1::Frame>* frames)
    : snapshot_(snapshot), stacks_(stacks), frames_(frames) {
  stacks_->Add();
  stack_index_[0] = 0;
}

uint32_t StackInterner::Index(StackId id) {
  const auto [slot, added] = stack_index_.try_emplace(id, stacks_->size());
  if (!added) return slot->second;
  v1::Stack* stack = stacks_->Add();
  const auto found = snapshot_.stacks.find(id);
  if (found == snapshot_.stacks.end()) {
    stack->set_truncated("the stack's addresses never reached the agent");
    stack->set_class_(std::string(TrustWord(UNWIND_CLASS_lost)));
    return slot->second;
  }
  for (const Frame& frame : found->second.frames) stack->add_frames(FrameIndex(frame));
  stack->set_truncated(found->second.truncated);
  if (found->second.trust != UNWIND_CLASS_none) {
    stack->set_class_(std::string(TrustWord(found->second.trust)));
  }
  return slot->second;
}

uint32_t StackInterner::FrameIndex(const Frame& frame) {
  const FrameIdentity identity{frame.address, frame.file_offset, frame.symbol,
                               frame.module,  frame.file,        frame.line};
  const auto [slot, added] = frame_index_.try_emplace(identity, frames_->size());
  if (!added) return slot->second;
  v1::Frame* out = frames_->Add();
  out->set_symbol(frame.symbol);
  out->set_module(frame.module);
  out->set_address(frame.address);
  out->set_file_offset(frame.file_offset);
  out->set_build_id(frame.build_id);
  out->set_file(frame.file);
  out->set_line(frame.line);
  return slot->second;
}

uint64_t Rounded(double value) {
  return value > 0 ? static_cast<uint64_t>(std::llround(value)) : 0;
}

RepeatedPtrField<v1::StackTime> EncodeStackTime(const TrustedTime& time) {
  RepeatedPtrField<v1::StackTime> rows;
  for (unsigned trust = 0; trust < time.size(); ++trust) {
    if (Rounded(time[trust]) == 0) continue;
    v1::StackTime* row = rows.Add();
    row->set_class_(std::string(TrustWord(static_cast<unwind_class>(trust))));
    row->set_ns(Rounded(time[trust]));
  }
  return rows;
}

std::string CommOf(const Snapshot& snapshot, const ThreadKey& thread) {
  const auto window = snapshot.threads.find(thread);
  if (window != snapshot.threads.end()) return window->second.comm;
  const auto comm = snapshot.comms.find(thread);
  return comm != snapshot.comms.end() ? comm->second : "";
}

std::string ProcessComm(const Snapshot& snapshot, uint32_t pid) {
  const auto first = snapshot.threads.lower_bound(ThreadKey{pid, 0, 0});
  if (first == snapshot.threads.end() || first->first.pid != pid) return "";
  const auto main_thread = snapshot.threads.lower_bound(ThreadKey{pid, pid, 0});
  const bool found = main_thread != snapshot.threads.end() && main_thread->first.tid == pid &&
                     main_thread->first.pid == pid;
  return found ? main_thread->second.comm : first->second.comm;
}

v1::ThreadRef EncodeThreadRef(const Snapshot& snapshot, const ThreadKey& thread) {
  v1::ThreadRef ref;
  ref.set_pid(thread.pid);
  ref.set_tid(thread.tid);
  ref.set_start_ns(thread.start_ns);
  ref.set_comm(CommOf(snapshot, thread));
  return ref;
}

v1::ThreadRef EncodeWaker(const Snapshot& snapshot, const SampleKey& key) {
  if (key.context == WAKER_task) return EncodeThreadRef(snapshot, key.waker);
  v1::ThreadRef ref;
  ref.set_comm(absl::StrCat("[", std::string(WakerContextWord(key.context)), "]"));
  return ref;
}

v1::Histogram EncodeHistogram(const Histogram& histogram, uint64_t exact_max_ns) {
  v1::Histogram out;
  for (const Histogram::Bucket& bucket : histogram.Used()) {
    v1::Histogram::Bucket* row = out.add_buckets();
    row->set_floor_ns(hist_floor_ns(bucket.index));
    row->set_count(bucket.count);
  }
  out.set_count(histogram.Count());
  out.set_p50_ns(histogram.QuantileNs(0.5));
  out.set_p90_ns(histogram.QuantileNs(0.9));
  out.set_p99_ns(histogram.QuantileNs(0.99));
  out.set_max_ns(exact_max_ns != 0 ? exact_max_ns : histogram.CeilingNs());
  return out;
}

v1::WaitObject EncodeObject(const Snapshot& snapshot, const wait_object& object) {
  v1::WaitObject out;
  out.set_kind(std::string(ObjectKindWord(object.kind)));
  out.set_name(ObjectName(object));
  out.set_fd(object.fd);
  out.set_id(object.id);
  if (object.dev != 0) out.set_device(DeviceName(snapshot, object.dev));
  if (object.kind == OBJECT_socket) {
    out.set_local_address(AddressText(object.family, object.local_addr, object.local_port));
    out.set_peer_address(AddressText(object.family, object.peer_addr, object.peer_port));
  }
  return out;
}

std::string DeviceName(const Snapshot& snapshot, uint32_t dev) {
  const auto device = snapshot.devices.find(dev);
  if (device != snapshot.devices.end() && !device->second.name.empty()) return device->second.name;
  return DeviceNumber(dev);
}

}  // namespace waitscope
