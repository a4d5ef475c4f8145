#include "agent/source/mapping_record.h"

#include <linux/perf_event.h>
#include <sys/mman.h>

#include <cstring>

namespace waitscope {
namespace {

// The bodies, as perf_event.h describes them in comments.
struct Mmap2Body {
  uint32_t pid, tid;
  uint64_t address, length, offset;
  uint32_t major, minor;
  uint64_t inode, generation;
  uint32_t protection, flags;
};
struct TaskBody {
  uint32_t pid, parent_pid, tid, parent_tid;
  uint64_t time;
};
struct CommBody {
  uint32_t pid, tid;
};

template <typename Body>
bool Read(std::span<const std::byte> bytes, Body& body) {
  if (bytes.size() < sizeof(body)) return false;
  std::memcpy(&body, bytes.data(), sizeof(body));
  return true;
}

bool ReadMap(std::span<const std::byte> bytes, MappingRecord& record) {
  Mmap2Body body;
  if (!Read(bytes, body) || (body.protection & PROT_EXEC) == 0 || body.length == 0) return false;
  record.kind = MappingRecord::Kind::kMap;
  record.pid = body.pid;
  record.start = body.address;
  record.end = body.address + body.length;
  record.offset = body.offset;
  const auto* name = reinterpret_cast<const char*>(bytes.data()) + sizeof(body);
  record.file = {.device = uint64_t{body.major} << 32 | body.minor,
                 .inode = body.inode,
                 .path = std::string(name, strnlen(name, bytes.size() - sizeof(body)))};
  if (record.file.path == "//anon") record.file.path.clear();
  return record.end > record.start;
}

bool ReadTask(std::span<const std::byte> bytes, bool fork, MappingRecord& record) {
  TaskBody body;
  if (!Read(bytes, body)) return false;
  record.pid = body.pid;
  record.parent_pid = body.parent_pid;
  record.kind = fork ? MappingRecord::Kind::kFork : MappingRecord::Kind::kExit;
  return fork ? body.pid != body.parent_pid : body.pid == body.tid;
}

bool ReadExec(std::span<const std::byte> bytes, bool exec, MappingRecord& record) {
  CommBody body;
  if (!exec || !Read(bytes, body)) return false;
  record.kind = MappingRecord::Kind::kExec;
  record.pid = body.pid;
  return true;
}

bool ReadBody(const perf_event_header& header, std::span<const std::byte> body,
              MappingRecord& record) {
  switch (header.type) {
    case PERF_RECORD_MMAP2:
      return (header.misc & PERF_RECORD_MISC_MMAP_BUILD_ID) == 0 && ReadMap(body, record);
    case PERF_RECORD_COMM:
      return ReadExec(body, (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0, record);
    case PERF_RECORD_FORK:
    case PERF_RECORD_EXIT:
      return ReadTask(body, header.type == PERF_RECORD_FORK, record);
    case PERF_RECORD_LOST:
      record.kind = MappingRecord::Kind::kLost;
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<MappingRecord> ParseMappingRecord(std::span<const std::byte> record) {
  perf_event_header header;
  MappingRecord parsed;
  if (!Read(record, header) || record.size() < sizeof(header) + sizeof(parsed.time_ns)) {
    return std::nullopt;
  }
  const size_t trailer = record.size() - sizeof(parsed.time_ns);
  std::memcpy(&parsed.time_ns, record.data() + trailer, sizeof(parsed.time_ns));
  const auto body = record.subspan(sizeof(header), trailer - sizeof(header));
  return ReadBody(header, body, parsed) ? std::optional(std::move(parsed)) : std::nullopt;
}

}  // namespace waitscope
