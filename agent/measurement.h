// Where the agent's facts come from: this machine, or a recording of one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config.h"
#include "agent/core/source.h"
#include "agent/naming.h"
#include "agent/sinks/backend.h"
#include "agent/source/live_options.h"

namespace waitscope {

struct Measurement {
  std::shared_ptr<Source> source;
  Naming naming;
  std::function<std::vector<CapabilityRow>()> capabilities;
  std::function<std::vector<ProgramRow>()> programs;
};

LiveOptions LiveOptionsFrom(const Config& config);

absl::StatusOr<Measurement> OpenMeasurement(const Config& config);

}  // namespace waitscope
