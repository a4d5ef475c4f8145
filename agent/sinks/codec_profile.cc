// Profiles and wakers: estimates from the samples, held against the ledgers' exact totals.

#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/codec_samples.h"
#include "agent/sinks/words.h"

namespace waitscope {
namespace {

struct KindRow {
  ProfileKind kind;
  std::string_view word;
};
constexpr KindRow kKinds[] = {
    {ProfileKind::kOffCpu, "off-cpu"}, {ProfileKind::kOnCpu, "on-cpu"},
    {ProfileKind::kWall, "wall"},      {ProfileKind::kRunQueue, "runq"},
    {ProfileKind::kDisk, "disk"},      {ProfileKind::kLock, "lock"},
    {ProfileKind::kWaker, "waker"},
};

bool IsDiskClass(unsigned cls) {
  return cls == WAIT_disk || cls == WAIT_fault || cls == WAIT_commit;
}

bool BelongsTo(const SampleKey& key, ProfileKind kind) {
  const bool blocked = key.state == SampleState::kBlocked;
  switch (kind) {
    case ProfileKind::kOffCpu:
      return key.state != SampleState::kRunning;
    case ProfileKind::kOnCpu:
      return key.state == SampleState::kRunning;
    case ProfileKind::kWall:
      return true;
    case ProfileKind::kRunQueue:
      return key.state == SampleState::kWoken || key.state == SampleState::kPreempted;
    case ProfileKind::kDisk:
      return blocked && IsDiskClass(key.cls);
    case ProfileKind::kLock:
      return blocked && key.cls == WAIT_lock;
    case ProfileKind::kWaker:
      return blocked;
  }
  return false;
}

uint64_t DiskNs(const StateTotals& totals) {
  uint64_t sum = 0;
  for (unsigned cls = 0; cls < totals.waits.size(); ++cls) {
    if (IsDiskClass(cls)) sum += totals.waits[cls].ns;
  }
  return sum;
}

uint64_t ExactNs(const StateTotals& totals, ProfileKind kind) {
  switch (kind) {
    case ProfileKind::kOffCpu:
      return totals.BlockedNs() + totals.RunnableNs();
    case ProfileKind::kOnCpu:
      return totals.running_ns;
    case ProfileKind::kWall:
      return totals.running_ns + totals.BlockedNs() + totals.RunnableNs();
    case ProfileKind::kRunQueue:
      return totals.RunnableNs();
    case ProfileKind::kDisk:
      return DiskNs(totals);
    case ProfileKind::kLock:
      return totals.waits[WAIT_lock].ns;
    case ProfileKind::kWaker:
      return totals.BlockedNs();
  }
  return 0;
}

// Only the waker view tells waits apart by who ended them.
SampleKey ProfileKey(SampleKey key, ProfileKind kind) {
  if (kind == ProfileKind::kWaker) return key;
  key.waker = {};
  key.context = WAKER_none;
  key.waker_kernel_stack = 0;
  key.waker_user_stack = 0;
  return key;
}

std::map<SampleKey, SampleValue> Choose(const Snapshot& snapshot, ProfileKind kind) {
  std::map<SampleKey, SampleValue> chosen;
  for (const auto& [key, value] : snapshot.samples) {
    if (BelongsTo(key, kind)) chosen[ProfileKey(key, kind)] += value;
  }
  return chosen;
}

}  // namespace

std::optional<ProfileKind> ParseProfileKind(std::string_view word) {
  if (word.empty()) return ProfileKind::kOffCpu;
  for (const KindRow& row : kKinds) {
    if (row.word == word) return row.kind;
  }
  return std::nullopt;
}

std::string_view ProfileKindWord(ProfileKind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) return row.word;
  }
  return "";
}

v1::ProfileResponse EncodeProfile(const Snapshot& snapshot, ProfileKind kind) {
  v1::ProfileResponse response;
  *response.mutable_header() = EncodeHeader(snapshot, "profile");
  response.set_kind(std::string(ProfileKindWord(kind)));
  StackInterner interner(snapshot, response.mutable_stacks(), response.mutable_frames());
  const SampleEncoder encoder(snapshot, interner);
  std::map<ThreadKey, uint32_t> threads;
  uint64_t total_ns = 0;
  for (const auto& [key, value] : Choose(snapshot, kind)) {
    const auto [slot, added] = threads.try_emplace(key.thread, threads.size());
    if (added) *response.add_threads() = EncodeThreadRef(snapshot, key.thread);
    v1::Sample* sample = response.add_samples();
    *sample = encoder.Encode(key, value);
    sample->set_thread(slot->second);
    total_ns += sample->ns();
  }
  response.set_total_ns(total_ns);
  uint64_t exact_ns = 0;
  for (const auto& [key, thread] : snapshot.threads) exact_ns += ExactNs(thread.totals, kind);
  response.set_exact_total_ns(exact_ns);
  return response;
}

v1::WakersResponse EncodeWakers(const Snapshot& snapshot) {
  std::map<SampleKey, SampleValue> edges;
  for (const auto& [key, value] : snapshot.samples) {
    if (key.state != SampleState::kBlocked || key.context == WAKER_none) continue;
    SampleKey edge;
    edge.thread = key.thread;
    edge.cls = key.cls;
    edge.context = key.context;
    if (key.context == WAKER_task) edge.waker = key.waker;
    edge.waker_kernel_stack = key.waker_kernel_stack;
    edge.waker_user_stack = key.waker_user_stack;
    edges[edge] += value;
  }
  v1::WakersResponse response;
  *response.mutable_header() = EncodeHeader(snapshot, "wakers");
  StackInterner interner(snapshot, response.mutable_stacks(), response.mutable_frames());
  for (const auto& [key, value] : edges) {
    v1::WakerEdge* edge = response.add_edges();
    *edge->mutable_waker() = EncodeWaker(snapshot, key);
    edge->set_waker_context(std::string(WakerContextWord(key.context)));
    *edge->mutable_wakee() = EncodeThreadRef(snapshot, key.thread);
    edge->set_class_(std::string(ClassWord(key.cls)));
    edge->set_blocked_ns(Rounded(value.ns));
    edge->set_count(Rounded(value.count));
    edge->set_waker_kernel_stack(interner.Index(key.waker_kernel_stack));
    edge->set_waker_user_stack(interner.Index(key.waker_user_stack));
  }
  return response;
}

}  // namespace waitscope
