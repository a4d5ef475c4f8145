#include "agent/finding_log.h"

#include <algorithm>
#include <utility>

namespace waitscope {
namespace {

constexpr size_t kMostFindings = 512;

size_t BytesOf(const Evidence& evidence) {
  size_t bytes = sizeof(evidence) + evidence.object.size() + evidence.command.size();
  for (const std::string& frame : evidence.frames) bytes += sizeof(std::string) + frame.size();
  return bytes;
}

size_t BytesOf(const Finding& finding) {
  size_t bytes = sizeof(finding) + finding.summary.size() + finding.advice.size() +
                 finding.threads.size() * sizeof(ThreadName);
  for (const Evidence& evidence : finding.evidence) bytes += BytesOf(evidence);
  return bytes;
}

}  // namespace

void FindingLog::Keep(Findings found, uint64_t end_ns) {
  const std::lock_guard lock(mutex_);
  for (Finding& known : findings_) {
    if (!known.lasting) continue;
    const auto again = std::ranges::find(found, known.id, &Finding::id);
    known.lasting = again != found.end();
    if (!known.lasting) continue;
    again->begin_ns = std::min(again->begin_ns, known.begin_ns);
    again->lasting = true;
    again->end_ns = std::max(again->end_ns, end_ns);
    known = std::move(*again);
    found.erase(again);
  }
  for (Finding& fresh : found) {
    fresh.lasting = true;
    findings_.push_back(std::move(fresh));
  }
  while (findings_.size() > kMostFindings) findings_.pop_front();
}

void FindingLog::Prolong(uint64_t end_ns) {
  const std::lock_guard lock(mutex_);
  for (Finding& finding : findings_) {
    if (finding.lasting) finding.end_ns = std::max(finding.end_ns, end_ns);
  }
}

void FindingLog::ForgetBefore(uint64_t begin_ns) {
  const std::lock_guard lock(mutex_);
  std::erase_if(findings_, [&](const Finding& finding) {
    return !finding.lasting && finding.end_ns < begin_ns;
  });
}

Findings FindingLog::Between(uint64_t begin_ns, uint64_t end_ns) const {
  Findings chosen;
  {
    const std::lock_guard lock(mutex_);
    std::ranges::copy_if(findings_, std::back_inserter(chosen), [&](const Finding& finding) {
      return finding.begin_ns < end_ns && (finding.lasting || finding.end_ns > begin_ns);
    });
  }
  std::ranges::stable_sort(chosen, [](const Finding& a, const Finding& b) {
    if (a.lasting != b.lasting) return a.lasting;
    if (!a.lasting) return a.end_ns > b.end_ns;
    return a.severity > b.severity;
  });
  return chosen;
}

void FindingLog::Date(Findings& findings) const {
  const std::lock_guard lock(mutex_);
  for (Finding& finding : findings) {
    for (const Finding& known : findings_) {
      const bool met = known.id == finding.id && known.end_ns >= finding.begin_ns;
      if (met) finding.begin_ns = std::min(finding.begin_ns, known.begin_ns);
    }
  }
}

size_t FindingLog::bytes() const {
  const std::lock_guard lock(mutex_);
  size_t bytes = 0;
  for (const Finding& finding : findings_) bytes += BytesOf(finding);
  return bytes;
}

}  // namespace waitscope
