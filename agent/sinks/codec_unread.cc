// Requests that lie unread, while their programs were attached.
#include "agent/sinks/codec_parts.h"

namespace waitscope {
namespace {

using google::protobuf::RepeatedPtrField;

v1::UnreadRequests Encode(const Snapshot& snapshot, const UnreadKey& key,
                          const UnreadWindow& window) {
  v1::UnreadRequests out;
  out.set_pid(key.pid);
  out.set_comm(ProcessComm(snapshot, key.pid));
  out.set_port(key.port);
  out.set_reads(window.reads);
  out.set_age_ns(window.age_ns);
  *out.mutable_age() = EncodeHistogram(window.ages, window.age_max_ns);
  out.set_open(window.open.Count());
  out.set_open_oldest_ns(window.open_oldest_ns);
  return out;
}

}  // namespace

RepeatedPtrField<v1::UnreadRequests> EncodeUnread(const Snapshot& snapshot) {
  RepeatedPtrField<v1::UnreadRequests> all;
  for (const auto& [key, window] : snapshot.unread) *all.Add() = Encode(snapshot, key, window);
  return all;
}

RepeatedPtrField<v1::UnreadRequests> EncodeUnreadOf(const Snapshot& snapshot, uint32_t pid) {
  RepeatedPtrField<v1::UnreadRequests> own;
  for (auto row = snapshot.unread.lower_bound({pid, 0});
       row != snapshot.unread.end() && row->first.pid == pid; ++row) {
    *own.Add() = Encode(snapshot, row->first, row->second);
  }
  return own;
}

}  // namespace waitscope
