#include "agent/views/sites.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

// Where a wait is for nothing that has a name, its place tells it apart.
std::string ThingOf(const WaitSite& site) {
  if (site.object == nullptr) return absl::StrCat("at ", site.user_stack);
  return ObjectText(*site.object);
}

}  // namespace

SiteSum AsSum(const WaitSite& site) {
  return {&site, site.nature, site.ns, site.count, site.longest_ns, site.open, 1};
}

void SiteSums::Add(const ThreadView& thread, const WaitSite& site, Nature nature) {
  std::string key = absl::StrCat(static_cast<int>(nature), "|", site.syscall);
  if (by_ == By::kThing) absl::StrAppend(&key, "|", ThingOf(site));
  Row& row = rows_[key];
  const bool most = row.sum.example == nullptr || site.ns > row.sum.example->ns;
  if (most) row.sum.example = &site;
  row.sum.nature = nature;
  row.sum.ns += site.ns;
  row.sum.count += site.count;
  row.sum.longest_ns = std::max(row.sum.longest_ns, site.longest_ns);
  row.sum.open |= site.open;
  row.threads.insert(&thread);
}

std::vector<SiteSum> SiteSums::Sorted() const {
  std::vector<SiteSum> sums;
  for (const auto& [key, row] : rows_) {
    sums.push_back(row.sum);
    sums.back().threads = row.threads.size();
  }
  std::ranges::stable_sort(sums, [](const SiteSum& a, const SiteSum& b) { return a.ns > b.ns; });
  return sums;
}

}  // namespace waitscope
