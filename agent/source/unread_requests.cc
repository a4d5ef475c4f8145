#include "agent/source/unread_requests.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "agent/source/iterator_reader.h"

namespace waitscope {

void UnreadRequests::ForgetListeners(int listening_ports) {
  uint32_t port = 0;
  while (listening_ports >= 0 && bpf_map_get_next_key(listening_ports, nullptr, &port) == 0) {
    if (bpf_map_delete_elem(listening_ports, &port) != 0) return;
  }
}

absl::StatusOr<UnreadRequests> UnreadRequests::Watch(BpfObject& object, int unread_notes) {
  auto unread = object.AttachIterator("list_unread", unread_notes);
  if (!unread.ok()) return unread.status();
  auto readers = object.AttachIterator("find_readers");
  if (!readers.ok()) return readers.status();
  UnreadRequests watch(*std::move(unread), *std::move(readers));
  if (absl::Status status = watch.FindReaders(); !status.ok()) return status;
  return watch;
}

UnreadRequests::UnreadRequests(BpfLinkPtr unread, BpfLinkPtr readers)
    : unread_(std::move(unread)), readers_(std::move(readers)) {}

absl::Status UnreadRequests::FindReaders() const {
  return ReadRecords<char>(readers_.get(), [](char) {});  // it tells the kernel side alone
}

absl::StatusOr<std::vector<unread_now>> UnreadRequests::Read() const {
  std::vector<unread_now> unread;
  const auto read = [&] {
    unread.clear();
    return ReadRecords<unread_now>(unread_.get(),
                                   [&](const unread_now& one) { unread.push_back(one); });
  };
  absl::Status status = read();
  const bool all_claimed =
      std::ranges::all_of(unread, [](const unread_now& one) { return one.claimed != 0; });
  if (status.ok() && !all_claimed) status = FindReaders();
  if (status.ok() && !all_claimed) status = read();
  if (!status.ok()) return status;
  return unread;
}

}  // namespace waitscope
