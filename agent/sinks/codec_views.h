// Pieces that the views of pools, loops and locks share.
#pragma once

#include <string>
#include <vector>

#include "agent/core/target.h"
#include "agent/diagnose/machine.h"
#include "agent/views/asked_for.h"
#include "agent/views/sites.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope {

// Whether a process has a thread of the target.
IsAskedFor ProcessesOf(const Snapshot& machine, const Target& target);

v1::WaitSite EncodeSite(const MachineView& machine, const SiteSum& sum);
void EncodeSites(const MachineView& machine, const std::vector<SiteSum>& sums,
                 google::protobuf::RepeatedPtrField<v1::WaitSite>* out);
void SetFrames(const std::vector<std::string>& frames,
               google::protobuf::RepeatedPtrField<std::string>* out);

}  // namespace waitscope
