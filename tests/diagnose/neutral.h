// Makes a recording of lab programs fit to be kept: nothing of the machine they ran on stays in it
// but numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/core/event.h"

namespace waitscope {

// Parts of names and what stands in their place: {"/home/me/waitscope/tests/lab", "/lab"}.
using Replacements = std::vector<std::pair<std::string, std::string>>;

// First every event is noticed, then every event is asked for again.
class Neutral {
 public:
  explicit Neutral(Replacements replacements) : replacements_(std::move(replacements)) {}

  // Which processes are recorded, and which ports they use.
  void Notice(const Event& event);

  // Nothing: it tells of others.
  std::optional<Event> Of(Event event) const;

 private:
  struct Blank;

  bool IsOwn(uint32_t pid) const { return own_.contains(pid); }
  std::string Text(std::string_view text) const;
  std::string Cgroup(std::string_view path) const;

  const Replacements replacements_;
  std::set<uint32_t> own_;
  std::set<uint32_t> ports_;
};

}  // namespace waitscope
