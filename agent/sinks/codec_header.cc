// What every answer says of itself.
#include <google/protobuf/util/time_util.h>

#include "absl/strings/str_cat.h"
#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/words.h"

namespace waitscope {
namespace {

using google::protobuf::util::TimeUtil;

void AddLosses(const Snapshot& snapshot, v1::Header& header) {
  for (unsigned reason = 0; reason < snapshot.losses.size(); ++reason) {
    if (snapshot.losses[reason] == 0) continue;
    const LossWords words = WordsOfLoss(static_cast<loss_reason>(reason));
    v1::Loss* loss = header.add_losses();
    loss->set_reason(std::string(words.reason));
    loss->set_count(snapshot.losses[reason]);
    loss->set_meaning(std::string(words.meaning));
  }
}

void SetCost(const CostWindow& cost, v1::Cost& out) {
  out.set_agent_cpu_ns(cost.agent_cpu_ns);
  out.set_agent_rss_bytes(cost.agent_rss_bytes);
  out.set_bpf_run_ns(cost.bpf_run_ns);
  out.set_bpf_run_count(cost.bpf_run_count);
}

}  // namespace

v1::Header EncodeHeader(const Snapshot& snapshot, std::string_view view) {
  v1::Header header;
  const uint64_t duration_ns = snapshot.end_ns - snapshot.begin_ns;
  header.set_schema(absl::StrCat("waitscope.", std::string(view), "/v1"));
  header.set_host(snapshot.host.hostname);
  header.set_kernel(snapshot.host.kernel);
  header.set_agent_version(snapshot.host.agent_version);
  *header.mutable_begin() = TimeUtil::NanosecondsToTimestamp(
      static_cast<int64_t>(snapshot.wall_clock_end_ns - duration_ns));
  *header.mutable_duration() = TimeUtil::NanosecondsToDuration(static_cast<int64_t>(duration_ns));
  header.set_windows(snapshot.windows);
  header.set_cpus(snapshot.host.cpus);
  AddLosses(snapshot, header);
  SetCost(snapshot.cost, *header.mutable_cost());
  for (const std::string& limit : snapshot.host.limits) header.add_notes(limit);
  header.set_period_ns(snapshot.period_ns);
  *header.mutable_stack_time() = EncodeStackTime(StackTime(snapshot));
  return header;
}

}  // namespace waitscope
