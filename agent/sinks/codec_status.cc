#include "agent/sinks/codec_status.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "agent/sinks/codec.h"

namespace waitscope {
namespace {

using google::protobuf::util::TimeUtil;

v1::Capability Encode(const CapabilityRow& row) {
  v1::Capability out;
  out.set_name(row.name);
  out.set_present(row.present);
  out.set_detail(row.detail);
  return out;
}

v1::Program Encode(const ProgramRow& row) {
  v1::Program out;
  out.set_name(row.name);
  out.set_attach(row.attach);
  out.set_attached(row.attached);
  out.set_run_count(row.run_count);
  out.set_run_ns(row.run_ns);
  out.set_recursion_misses(row.recursion_misses);
  return out;
}

}  // namespace

void EncodeStatus(const AgentStatus& status, v1::Status& out) {
  const auto duration = [](uint64_t ns) {
    return TimeUtil::NanosecondsToDuration(static_cast<int64_t>(ns));
  };
  *out.mutable_up() = duration(status.up_ns);
  *out.mutable_window() = duration(status.window_ns);
  out.set_history_windows(status.history_windows);
  out.set_history_bytes(status.history_bytes);
  out.set_history_limit_bytes(status.history_limit_bytes);
  *out.mutable_history_begin() =
      TimeUtil::NanosecondsToTimestamp(static_cast<int64_t>(status.history_begin_wall_clock_ns));
  out.set_replay(status.replay);
  out.set_diagnoses(status.diagnoses);
  out.set_diagnosis_cpu_ns(status.diagnosis_cpu_ns);
  for (const CapabilityRow& row : status.capabilities) *out.add_capabilities() = Encode(row);
  for (const ProgramRow& row : status.programs) *out.add_programs() = Encode(row);
}

void EncodeLatest(const Snapshot& latest, const Findings& findings, v1::Status& out) {
  *out.mutable_header() = EncodeHeader(latest, "status");
  out.set_threads(static_cast<uint32_t>(
      std::ranges::count_if(latest.threads, [](const auto& row) { return !row.second.exited; })));
  *out.mutable_findings() = EncodeFindingNames(latest, findings);
}

}  // namespace waitscope
