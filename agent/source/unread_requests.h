// Requests that lie unread at this machine's ports, as the kernel side lists them.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/bpf_object.h"
#include "bpf/totals.h"

namespace waitscope {

class UnreadRequests {
 public:
  // A port that somebody listened at when the programs were loaded before may be anybody's now: to
  // be called before they are loaded again. -1: they never were.
  static void ForgetListeners(int listening_ports);
  // `object` holds the programs, attached; it and the map must outlive this.
  static absl::StatusOr<UnreadRequests> Watch(BpfObject& object, int unread_notes);

  // Connections with something unread.
  absl::StatusOr<std::vector<unread_now>> Read() const;

 private:
  UnreadRequests(BpfLinkPtr unread, BpfLinkPtr readers);
  absl::Status FindReaders() const;

  BpfLinkPtr unread_;
  BpfLinkPtr readers_;
};

}  // namespace waitscope
