// Findings where people look: a line beside what they are about.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

using FindingRows = google::protobuf::RepeatedPtrField<v1::Finding>;

Hue HueOfFinding(const v1::Finding& finding);
std::string SeverityText(const v1::Finding& finding);  // "CRITICAL"

// "for 3m 20s, and lasts"; "for 40.0 s, over since 5m 02s". Seen from the end of an answer.
std::string WhenText(const v1::Finding& finding, const v1::Header& header);

// "CRITICAL thread-pool-starvation, for 3m 20s, and lasts".
std::string FindingText(const v1::Finding& finding, const v1::Header& header);

// The worst that lasts of a process, else the worst; null: none.
const v1::Finding* WorstOf(const FindingRows& findings, uint32_t pid);

// A line for each that lasts, and how to hear more; nothing when there is none.
std::string LastingFindings(const FindingRows& findings, const v1::Header& header,
                            const TextStyle& style);
// The command to run next: about the worst finding that lasts, else `otherwise`.
std::string NextCommand(const FindingRows& findings, const std::string& otherwise);

}  // namespace waitscope::cli
