// Texts that are right as they are on file. WAITSCOPE_ACCEPT_GOLDEN=1 writes them anew.
#pragma once

#include <string>

namespace waitscope::cli {

void ExpectGolden(const std::string& name, const std::string& actual);

}  // namespace waitscope::cli
