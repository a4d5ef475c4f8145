#include "agent/check.h"

#include <sys/utsname.h>

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

ExitCode CannotWork(const absl::Status& status, std::ostream& out) {
  out << "\nwaitscoped cannot work here: " << status.message() << "\n";
  return ExitCodeOf(status);
}

}  // namespace

ExitCode CheckKernel(const Config& config, std::ostream& out) {
  utsname names{};
  uname(&names);
  out << "kernel " << names.release << " (" << names.machine << ")\n\nwhat it gives\n";
  const KernelFeatures features = ProbeKernel();
  if (!features.missing_privileges.empty()) {
    out << "  unknown: the kernel tells only who may load programs\n";
  } else {
    Print(Describe(features), out);
  }
  if (absl::Status essentials = CheckEssentials(features); !essentials.ok()) {
    return CannotWork(essentials, out);
  }
  const absl::StatusOr<std::unique_ptr<LiveSource>> source =
      LiveSource::Open(LiveOptionsFrom(config));
  if (!source.ok()) return CannotWork(source.status(), out);
  out << "\nprograms (those of system calls are attached while somebody asks)\n";
  Print((*source)->programs(), out);
  out << "\nwaitscoped can work here\n";
  return ExitCode::kOk;
}

}  // namespace waitscope
