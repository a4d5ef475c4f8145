#include "cli/render/plumbing.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace waitscope::cli {
namespace {

struct Known {
  Plumbing part;
  absl::string_view name;
};

constexpr Plumbing entry = Plumbing::kEntry;  // as plumbing.def names them
constexpr Plumbing way = Plumbing::kWay;

constexpr Known kKnown[] = {
#define PLUMBING(part, name) {part, name},
#include "cli/render/plumbing.def"
#undef PLUMBING
};

bool Matches(absl::string_view name, absl::string_view symbol) {
  return absl::ConsumeSuffix(&name, "*") ? absl::StartsWith(symbol, name) : symbol == name;
}

}  // namespace

Plumbing PlumbingOf(absl::string_view symbol) {
  const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                   [&](const Known& one) { return Matches(one.name, symbol); });
  return known == std::end(kKnown) ? Plumbing::kNone : known->part;
}

}  // namespace waitscope::cli
