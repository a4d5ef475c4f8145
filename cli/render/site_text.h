// Waits of one place in words, as the views of pools, loops and locks tell them.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

// "backend 10.0.0.5:5432 in recvfrom".
std::string PlaceText(const v1::WaitSite& site);
// "7.1 s in 12 waits of up to 0.9 s: backend 10.0.0.5:5432 in recvfrom, at read <- load".
std::string SiteText(const v1::WaitSite& site);

// "  worst     ...", broken so that it lines up.
std::string LabeledLine(const TextStyle& style, absl::string_view label, absl::string_view text);

// Of a nature of waits, as of the class it belongs to.
Hue HueOfNature(absl::string_view nature);

}  // namespace waitscope::cli
