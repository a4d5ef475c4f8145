#include "agent/sinks/codec_views.h"

#include <set>

#include "agent/diagnose/nature.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/words.h"

namespace waitscope {

using google::protobuf::RepeatedPtrField;

IsAskedFor ProcessesOf(const Snapshot& machine, const Target& target) {
  if (target.Everything()) return [](const ProcessView&) { return true; };
  std::set<uint32_t> pids;
  for (const auto& [key, thread] : Select(machine, target).threads) pids.insert(key.pid);
  return
      [pids = std::move(pids)](const ProcessView& process) { return pids.contains(process.pid); };
}

v1::WaitSite EncodeSite(const MachineView& machine, const SiteSum& sum) {
  const WaitSite& site = *sum.example;
  v1::WaitSite out;
  out.set_nature(std::string(NatureWord(sum.nature)));
  out.set_class_(std::string(ClassWord(site.cls)));
  out.set_syscall(SyscallName(site.syscall));
  if (site.object != nullptr)
    *out.mutable_object() = EncodeObject(machine.snapshot(), *site.object);
  out.set_ns(Rounded(sum.ns));
  out.set_count(Rounded(sum.count));
  out.set_longest_ns(sum.longest_ns);
  SetFrames(machine.Frames(site.kernel_stack, site.user_stack), out.mutable_frames());
  out.set_open(sum.open);
  out.set_threads(static_cast<uint32_t>(sum.threads));
  return out;
}

void EncodeSites(const MachineView& machine, const std::vector<SiteSum>& sums,
                 RepeatedPtrField<v1::WaitSite>* out) {
  for (const SiteSum& sum : sums) *out->Add() = EncodeSite(machine, sum);
}

void SetFrames(const std::vector<std::string>& frames, RepeatedPtrField<std::string>* out) {
  out->Assign(frames.begin(), frames.end());
}

}  // namespace waitscope
