// What is wrong, the number that proves it first, and what to do.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

// `target_flags` is the target as flags, for the next command.
std::string RenderDiagnosis(const v1::Diagnosis& diagnosis, const std::string& target_flags,
                            const TextStyle& style);

// As the protocol's canonical JSON; evidence has only the fields its kind gives a meaning to.
std::string RenderDiagnosisJson(const v1::Diagnosis& diagnosis);

}  // namespace waitscope::cli
