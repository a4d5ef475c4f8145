// Disks as iostat counts them, and what threads waited for beside what their requests took.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <set>

#include "agent/core/wire_text.h"
#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/words.h"

namespace waitscope {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kRequestsShown = 50;
constexpr size_t kNamesPerThread = 8;

v1::DeviceOp EncodeOp(const device_op_totals& totals) {
  v1::DeviceOp op;
  op.set_requests(totals.requests);
  op.set_bytes(totals.bytes);
  op.set_queue_ns(totals.queue_ns);
  op.set_device_ns(totals.device_ns);
  return op;
}

double Ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

double AwaitMs(const device_op_totals& op) {
  return Ratio(static_cast<double>(op.queue_ns + op.device_ns), static_cast<double>(op.requests)) /
         1e6;
}

void SetIostatColumns(const DeviceWindow& device, double seconds, v1::Device& out) {
  const device_op_totals& read = device.ops[BLOCK_read];
  const device_op_totals& write = device.ops[BLOCK_write];
  out.set_reads_per_s(Ratio(static_cast<double>(read.requests), seconds));
  out.set_writes_per_s(Ratio(static_cast<double>(write.requests), seconds));
  out.set_read_kb_per_s(Ratio(static_cast<double>(read.bytes) / 1024, seconds));
  out.set_write_kb_per_s(Ratio(static_cast<double>(write.bytes) / 1024, seconds));
  out.set_read_await_ms(AwaitMs(read));
  out.set_write_await_ms(AwaitMs(write));
  uint64_t in_flight_ns = 0;
  for (const device_op_totals& op : device.ops) in_flight_ns += op.queue_ns + op.device_ns;
  out.set_queue_size(Ratio(static_cast<double>(in_flight_ns) / 1e9, seconds));
  const double busy = Ratio(static_cast<double>(device.busy_ns) / 1e9, seconds);
  out.set_utilization(std::min(100.0, 100 * busy));
}

struct ThreadIoSum {
  uint64_t longest_ns = 0;
  uint64_t device_ns = 0;
  uint64_t queue_ns = 0;
  std::set<std::string> objects;
  std::set<std::string> devices;
};

bool IsIoClass(wait_class cls) {
  return cls == WAIT_disk || cls == WAIT_fault || cls == WAIT_commit;
}

void AddSample(const Snapshot& snapshot, const SampleKey& key, const SampleValue& value,
               ThreadIoSum& sum) {
  sum.longest_ns = std::max(sum.longest_ns, value.longest_ns);
  sum.device_ns += value.device_ns;
  sum.queue_ns += value.queue_ns;
  if (key.device != 0) sum.devices.insert(DeviceName(snapshot, key.device));
  if (key.object == 0 || key.object >= snapshot.objects.size()) return;
  const std::string name = ObjectName(snapshot.objects[key.object]);
  if (!name.empty() && sum.objects.size() < kNamesPerThread) sum.objects.insert(name);
}

std::map<ThreadKey, ThreadIoSum> SumSamples(const Snapshot& snapshot) {
  std::map<ThreadKey, ThreadIoSum> sums;
  for (const auto& [key, value] : snapshot.samples) {
    if (key.state != SampleState::kBlocked || !IsIoClass(key.cls)) continue;
    AddSample(snapshot, key, value, sums[key.thread]);
  }
  return sums;
}

WaitTotal IoTotal(const StateTotals& totals) {
  WaitTotal sum;
  for (const wait_class cls : {WAIT_disk, WAIT_fault, WAIT_commit}) {
    sum.ns += totals.waits[cls].ns;
    sum.count += totals.waits[cls].count;
  }
  return sum;
}

v1::ThreadIo EncodeThreadIo(const Snapshot& snapshot, const ThreadWindow& thread,
                            const ThreadIoSum& sum) {
  v1::ThreadIo out;
  const WaitTotal total = IoTotal(thread.totals);
  *out.mutable_thread() = EncodeThreadRef(snapshot, thread.key);
  out.set_blocked_ns(total.ns);
  out.set_count(total.count);
  out.set_longest_ns(sum.longest_ns);
  out.set_device_ns(sum.device_ns);
  out.set_queue_ns(sum.queue_ns);
  for (const std::string& name : sum.objects) out.add_objects(name);
  for (const std::string& name : sum.devices) out.add_devices(name);
  return out;
}

void AddFlags(uint8_t flags, v1::Request& out) {
  constexpr std::pair<uint8_t, const char*> kFlags[] = {{BLOCK_FLAG_sync, "sync"},
                                                        {BLOCK_FLAG_meta, "meta"},
                                                        {BLOCK_FLAG_fua, "fua"},
                                                        {BLOCK_FLAG_readahead, "readahead"},
                                                        {BLOCK_FLAG_preflush, "preflush"}};
  for (const auto& [bit, word] : kFlags) {
    if ((flags & bit) != 0) out.add_flags(word);
  }
}

}  // namespace

v1::Device EncodeDevice(const DeviceWindow& device, uint64_t duration_ns) {
  v1::Device out;
  out.set_name(device.name.empty() ? DeviceNumber(device.dev) : device.name);
  out.set_major(device.dev >> 20);
  out.set_minor(device.dev & ((1U << 20) - 1));
  *out.mutable_read() = EncodeOp(device.ops[BLOCK_read]);
  *out.mutable_write() = EncodeOp(device.ops[BLOCK_write]);
  *out.mutable_discard() = EncodeOp(device.ops[BLOCK_discard]);
  *out.mutable_flush() = EncodeOp(device.ops[BLOCK_flush]);
  *out.mutable_other() = EncodeOp(device.ops[BLOCK_other]);
  out.set_busy_ns(device.busy_ns);
  out.set_in_flight(device.in_flight);
  out.set_errors(device.errors);
  *out.mutable_queue_time() = EncodeHistogram(device.queue_time);
  *out.mutable_read_time() = EncodeHistogram(device.read_time);
  *out.mutable_write_time() = EncodeHistogram(device.write_time);
  SetIostatColumns(device, static_cast<double>(duration_ns) / 1e9, out);
  return out;
}

v1::Request EncodeRequest(const Snapshot& snapshot, const block_event& request) {
  v1::Request out;
  out.set_device(DeviceName(snapshot, request.dev));
  out.set_op(std::string(BlockOpWord(request.op)));
  AddFlags(request.flags, out);
  out.set_bytes(request.bytes);
  out.set_sector(request.sector);
  out.set_queue_ns(request.issue_ns - request.insert_ns);
  out.set_device_ns(request.complete_ns - request.issue_ns);
  const uint64_t before_end_ns = snapshot.end_ns - request.complete_ns;
  *out.mutable_completed() = TimeUtil::NanosecondsToTimestamp(
      static_cast<int64_t>(snapshot.wall_clock_end_ns - before_end_ns));
  v1::ThreadRef* issuer = out.mutable_issuer();
  issuer->set_pid(request.issuer.pid);
  issuer->set_tid(request.issuer.tid);
  issuer->set_start_ns(request.issuer.start_ns);
  issuer->set_comm(PrintableText(request.issuer_comm));
  out.set_error(request.error);
  return out;
}

v1::IoResponse EncodeIo(const Snapshot& snapshot) {
  v1::IoResponse response;
  *response.mutable_header() = EncodeHeader(snapshot, "io");
  for (const auto& [dev, device] : snapshot.devices) {
    *response.add_devices() = EncodeDevice(device, snapshot.end_ns - snapshot.begin_ns);
  }
  std::map<ThreadKey, ThreadIoSum> sums = SumSamples(snapshot);
  for (const auto& [key, thread] : snapshot.threads) {
    if (IoTotal(thread.totals).ns == 0 && !sums.contains(key)) continue;
    *response.add_threads() = EncodeThreadIo(snapshot, thread, sums[key]);
  }
  // A snapshot keeps them slowest first.
  for (const block_event& request : snapshot.requests) {
    if (response.slowest_size() == kRequestsShown) break;
    *response.add_slowest() = EncodeRequest(snapshot, request);
  }
  return response;
}

}  // namespace waitscope
