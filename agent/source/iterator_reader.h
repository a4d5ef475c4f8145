// Reads the records that a BPF iterator program writes.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/os/unique_fd.h"

namespace waitscope {

// Runs an iterator program to its end.
template <typename Record>
absl::Status ReadRecords(const bpf_link* iterator, absl::FunctionRef<void(const Record&)> each) {
  const UniqueFd reader(bpf_iter_create(bpf_link__fd(iterator)));
  if (!reader.ok()) {
    return absl::InternalError(absl::StrCat("cannot read an iterator: ", std::strerror(errno)));
  }
  // The kernel hands out whole records, as many as fit a buffer of its own.
  std::vector<std::byte> buffer(256 * sizeof(Record));
  size_t held = 0;
  while (true) {
    const ssize_t got = read(reader.get(), buffer.data() + held, buffer.size() - held);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) {
      return absl::InternalError(absl::StrCat("cannot read an iterator: ", std::strerror(errno)));
    }
    if (got == 0) return absl::OkStatus();
    held += static_cast<size_t>(got);
    size_t used = 0;
    for (; held - used >= sizeof(Record); used += sizeof(Record)) {
      Record record;
      std::memcpy(&record, buffer.data() + used, sizeof(record));
      each(record);
    }
    std::memmove(buffer.data(), buffer.data() + used, held - used);
    held -= used;
  }
}

}  // namespace waitscope
