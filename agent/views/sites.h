// Waits of several threads that are alike, added up.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/diagnose/machine.h"

namespace waitscope {

struct SiteSum {
  const WaitSite* example = nullptr;  // the one of most time
  Nature nature = Nature::kOther;
  double ns = 0;
  double count = 0;
  uint64_t longest_ns = 0;
  bool open = false;
  size_t threads = 0;
};

// A wait by itself, as one row.
SiteSum AsSum(const WaitSite& site);

class SiteSums {
 public:
  // How finely waits are told apart.
  enum class By : uint8_t { kCall, kThing };

  explicit SiteSums(By by) : by_(by) {}

  void Add(const ThreadView& thread, const WaitSite& site, Nature nature);
  // The most time first.
  std::vector<SiteSum> Sorted() const;

 private:
  struct Row {
    SiteSum sum;
    std::set<const ThreadView*> threads;
  };

  const By by_;
  std::map<std::string, Row> rows_;
};

}  // namespace waitscope
