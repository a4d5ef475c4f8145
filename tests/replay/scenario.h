// Scenario files: README.md says how they read.
#pragma once

#include <istream>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/event.h"
#include "agent/core/stack.h"

namespace waitscope {

struct Scenario {
  std::vector<Event> events;
  std::map<StackId, Stack> names;
};

// Errors name the line.
absl::StatusOr<Scenario> ReadScenario(std::istream& in);

}  // namespace waitscope
