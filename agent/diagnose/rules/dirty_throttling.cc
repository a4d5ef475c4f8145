// Are writers held back because too much is waiting to be written?
//
// Threshold: 30 % of a thread's time in the kernel's balance_dirty_pages, which makes writers pay
// once vm.dirty_ratio or the cgroup's share of it is reached.
// False positives: none known; a copy job that fills the disk is told too, since it is held back.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kSmallestShare = 0.3;

const WaitSite* LongestSite(const ThreadView& thread) {
  for (const WaitSite& site : thread.sites) {
    if (site.nature == Nature::kDirty) return &site;
  }
  return nullptr;
}

Finding Tell(const MachineView& machine, const ProcessView& process, const ThreadView& thread) {
  const WaitSite& site = *LongestSite(thread);
  Finding finding = Draft(machine, process, "dirty-throttling");
  const double share = std::min(1.0, thread.ShareOf(Nature::kDirty));
  finding.severity = Severity::kWarning;
  finding.confidence = 0.95;
  NameThreads(finding, std::vector{&thread});
  finding.impact = {static_cast<uint64_t>(thread.NsOf(Nature::kDirty)), share};
  finding.summary = absl::StrCat(NameOf(process), " was held back for ", ShareText(share),
                                 " of its time (", TimeText(thread.NsOf(Nature::kDirty)),
                                 ") because more is waiting to be written than the "
                                 "kernel allows");
  finding.advice =
      "write less or to a faster device; sync_file_range or O_DIRECT for bulk data; "
      "vm.dirty_background_bytes lower, so that writing begins earlier";
  finding.evidence.push_back(StackEvidence(machine, site));
  if (site.object != nullptr) {
    finding.evidence.push_back(ObjectEvidence("wait_object", ObjectText(*site.object)));
  }
  finding.evidence.push_back(Metric("dirty_wait_share", share, "share", kSmallestShare));
  finding.evidence.push_back(Check("grep -E 'Dirty|Writeback' /proc/meminfo"));
  return finding;
}

}  // namespace

Findings DirtyThrottling(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const auto worst = std::ranges::max_element(process.threads, {}, [](const ThreadView& thread) {
      return thread.ShareOf(Nature::kDirty);
    });
    if (worst != process.threads.end() && worst->ShareOf(Nature::kDirty) >= kSmallestShare) {
      findings.push_back(Tell(machine, process, *worst));
    }
  }
  return findings;
}

}  // namespace waitscope
