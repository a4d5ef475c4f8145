// Findings as messages.
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "agent/sinks/codec.h"

namespace waitscope {
namespace {

using google::protobuf::util::TimeUtil;

const char* SeverityWord(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
      return "critical";
    case Severity::kWarning:
      return "warning";
    case Severity::kInfo:
      break;
  }
  return "info";
}

// The wall clock at a moment of the snapshot's own clock.
google::protobuf::Timestamp AtWallClock(const Snapshot& snapshot, uint64_t at_ns) {
  const uint64_t ago_ns = snapshot.end_ns - std::min(snapshot.end_ns, at_ns);
  return TimeUtil::NanosecondsToTimestamp(static_cast<int64_t>(
      snapshot.wall_clock_end_ns - std::min(snapshot.wall_clock_end_ns, ago_ns)));
}

v1::Evidence Encode(const Evidence& evidence) {
  v1::Evidence out;
  out.set_kind(evidence.kind);
  out.mutable_frames()->Assign(evidence.frames.begin(), evidence.frames.end());
  out.set_total_ns(evidence.total_ns);
  out.set_count(evidence.count);
  out.set_name(evidence.name);
  out.set_value(evidence.value);
  out.set_unit(evidence.unit);
  out.set_threshold(evidence.threshold);
  out.set_object(evidence.object);
  out.set_pid(evidence.pid);
  out.set_tid(evidence.tid);
  out.set_role(evidence.role);
  out.set_command(evidence.command);
  return out;
}

v1::Finding Encode(const Snapshot& snapshot, const Finding& finding) {
  v1::Finding out;
  out.set_condition(finding.condition);
  out.set_severity(SeverityWord(finding.severity));
  out.set_confidence(finding.confidence);
  out.mutable_process()->set_pid(finding.pid);
  out.mutable_process()->set_comm(finding.comm);
  for (const ThreadName& thread : finding.threads) {
    v1::FindingThread* named = out.add_threads();
    named->set_tid(thread.tid);
    named->set_comm(thread.comm);
  }
  out.mutable_impact()->set_stalled_ns(finding.impact.stalled_ns);
  out.mutable_impact()->set_share(finding.impact.share);
  out.mutable_impact()->set_unread_request_age_p99_ns(finding.impact.unread_request_age_p99_ns);
  for (const Evidence& evidence : finding.evidence) *out.add_evidence() = Encode(evidence);
  out.set_summary(finding.summary);
  out.set_advice(finding.advice);
  out.set_id(finding.id);
  *out.mutable_begin() = AtWallClock(snapshot, finding.begin_ns);
  *out.mutable_end() = AtWallClock(snapshot, finding.end_ns);
  out.set_lasting(finding.lasting);
  return out;
}

}  // namespace

google::protobuf::RepeatedPtrField<v1::Finding> EncodeFindings(const Snapshot& snapshot,
                                                               const Findings& findings) {
  google::protobuf::RepeatedPtrField<v1::Finding> out;
  for (const Finding& finding : findings) *out.Add() = Encode(snapshot, finding);
  return out;
}

google::protobuf::RepeatedPtrField<v1::Finding> EncodeFindingNames(const Snapshot& snapshot,
                                                                   const Findings& findings) {
  google::protobuf::RepeatedPtrField<v1::Finding> out = EncodeFindings(snapshot, findings);
  for (v1::Finding& finding : out) {
    finding.clear_evidence();
    finding.clear_threads();
    finding.clear_advice();
  }
  return out;
}

v1::Diagnosis EncodeDiagnosis(const Snapshot& snapshot, const Findings& findings) {
  v1::Diagnosis out;
  *out.mutable_header() = EncodeHeader(snapshot, "diagnosis");
  out.set_schema(out.header().schema());
  *out.mutable_findings() = EncodeFindings(snapshot, findings);
  return out;
}

}  // namespace waitscope
