#include "cli/render/plumbing.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
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
constexpr Plumbing interpreter = Plumbing::kInterpreter;

constexpr Known kKnown[] = {
#define PLUMBING(part, name) {part, name},
#include "cli/render/plumbing.def"
#undef PLUMBING
};

bool Matches(absl::string_view name, absl::string_view symbol) {
  return absl::ConsumeSuffix(&name, "*") ? absl::StartsWith(symbol, name) : symbol == name;
}

}  // namespace

bool HasSource(absl::string_view symbol) {
  const size_t at = symbol.rfind(" (");
  if (at == absl::string_view::npos || !absl::ConsumeSuffix(&symbol, ")")) return false;
  const absl::string_view source = symbol.substr(at);
  const absl::string_view line = source.substr(std::min(source.rfind(':'), source.size() - 1) + 1);
  return !line.empty() && std::all_of(line.begin(), line.end(), absl::ascii_isdigit);
}

// A function whose source is known is the program's own, whatever it is called.
Plumbing PlumbingOf(absl::string_view symbol) {
  if (HasSource(symbol)) return Plumbing::kNone;
  const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                   [&](const Known& one) { return Matches(one.name, symbol); });
  return known == std::end(kKnown) ? Plumbing::kNone : known->part;
}

}  // namespace waitscope::cli
