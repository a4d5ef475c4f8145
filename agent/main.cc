#include <iostream>
#include <string_view>
#include <variant>

#include "agent/check.h"
#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/symbols/debuginfod.h"

int main(int argc, char** argv) {
  using waitscope::ExitCode;
  if (argc == 3 && std::string_view(argv[1]) == waitscope::kFetchFlag) {
    waitscope::FetchDebugFile(argv[2]);
  }
  const auto parsed = waitscope::ParseConfig(argc, argv);
  if (const auto* early = std::get_if<waitscope::EarlyExit>(&parsed)) {
    (early->code == ExitCode::kOk ? std::cout : std::cerr) << early->text;
    return static_cast<int>(early->code);
  }
  const auto& config = std::get<waitscope::Config>(parsed);
  if (config.print_config) {
    std::cout << waitscope::ConfigText(config);
    return 0;
  }
  const ExitCode code =
      config.check ? waitscope::CheckKernel(config, std::cout) : waitscope::RunDaemon(config);
  return static_cast<int>(code);
}
