#include "agent/check.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/str_format.h"
#include "agent/measurement.h"
#include "agent/source/kernel_features.h"
#include "agent/source/live_source.h"

namespace waitscope {
namespace {

void Print(const std::vector<CapabilityReport>& reports, std::ostream& out) {
  for (const CapabilityReport& report : reports) {
    const char* mark = report.present ? "yes" : report.essential ? "NO" : "no";
    out << absl::StrFormat("  %-4s %-24s %s\n", mark, report.name, report.detail);
  }
}

void Print(const std::vector<ProgramReport>& programs, std::ostream& out) {
  for (const ProgramReport& program : programs) {
    out << absl::StrFormat("  %-4s %-24s %s\n", program.attached ? "yes" : "no", program.name,
                           program.attach);
  }
}

}  // namespace

ExitCode CheckKernel(const Config& config, std::ostream& out) {
  utsname names{};
  uname(&names);
  out << "kernel " << names.release << " (" << names.machine << ")\n\nwhat it gives\n";
  if (geteuid() != 0) {
    out << "  unknown: only root can ask the kernel. Run: sudo waitscoped --check\n";
    return ExitCode::kNoPrivilege;
  }
  const KernelFeatures features = ProbeKernel();
  Print(Describe(features), out);
  if (absl::Status essentials = CheckEssentials(features); !essentials.ok()) {
    out << "\nwaitscoped cannot work here: " << essentials.message() << "\n";
    return ExitCode::kFailure;
  }
  const absl::StatusOr<std::unique_ptr<LiveSource>> source =
      LiveSource::Open(LiveOptionsFrom(config));
  if (!source.ok()) {
    out << "\nwaitscoped cannot work here: " << source.status().message() << "\n";
    return ExitCode::kFailure;
  }
  out << "\nprograms (those of system calls are attached while somebody asks)\n";
  Print((*source)->programs(), out);
  out << "\nwaitscoped can work here\n";
  return ExitCode::kOk;
}

}  // namespace waitscope
