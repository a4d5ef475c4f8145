// A whole window in one message, as streams carry it.
#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/codec_samples.h"

namespace waitscope {
namespace {

void AddThreadsAndSamples(const Snapshot& snapshot, StackInterner& interner, v1::Snapshot& out) {
  std::map<ThreadKey, uint32_t> indices;
  for (const auto& [key, thread] : snapshot.threads) {
    indices.emplace(key, indices.size());
    *out.add_threads() = EncodeThread(snapshot, thread, interner);
  }
  const SampleEncoder encoder(snapshot, interner);
  for (const auto& [key, value] : snapshot.samples) {
    const auto thread = indices.find(key.thread);
    if (thread == indices.end()) continue;
    v1::Sample* sample = out.add_samples();
    *sample = encoder.Encode(key, value);
    sample->set_thread(thread->second);
  }
}

void AddCreations(const Snapshot& snapshot, StackInterner& interner, v1::Snapshot& out) {
  for (const auto& [key, count] : snapshot.creations) {
    v1::Creation* creation = out.add_creations();
    *creation->mutable_creator() = EncodeThreadRef(snapshot, key.creator);
    creation->set_kernel_stack(interner.Index(key.kernel_stack));
    creation->set_user_stack(interner.Index(key.user_stack));
    creation->set_count(count);
  }
}

void AddDevices(const Snapshot& snapshot, v1::Snapshot& out) {
  for (const auto& [dev, device] : snapshot.devices) {
    *out.add_devices() = EncodeDevice(device, snapshot.end_ns - snapshot.begin_ns);
  }
  for (const block_event& request : snapshot.requests) {
    *out.add_requests() = EncodeRequest(snapshot, request);
  }
}

}  // namespace

v1::Snapshot EncodeSnapshot(const Snapshot& snapshot) {
  v1::Snapshot out;
  *out.mutable_header() = EncodeHeader(snapshot, "snapshot");
  out.set_sequence(snapshot.sequence);
  *out.mutable_processes() = EncodeProcessList(snapshot);
  StackInterner interner(snapshot, out.mutable_stacks(), out.mutable_frames());
  AddThreadsAndSamples(snapshot, interner, out);
  AddCreations(snapshot, interner, out);
  AddDevices(snapshot, out);
  *out.mutable_syscalls() = EncodeProcessCalls(snapshot);
  out.mutable_syscalls()->MergeFrom(EncodeThreadCalls(snapshot));
  *out.mutable_loops() = EncodeLoops(snapshot);
  *out.mutable_unread() = EncodeUnread(snapshot);
  return out;
}

}  // namespace waitscope
