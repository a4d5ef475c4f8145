#include "agent/source/kernel_features.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace waitscope {
namespace {

struct BtfFree {
  void operator()(btf* b) const { btf__free(b); }
};
using BtfPtr = std::unique_ptr<btf, BtfFree>;

// Parameters of a tracepoint, its own context argument left out; -1 when there is no such one.
int TracepointParameters(const btf* kernel, const std::string& tracepoint) {
  const int id = btf__find_by_name_kind(kernel, absl::StrCat("btf_trace_", tracepoint).c_str(),
                                        BTF_KIND_TYPEDEF);
  if (id < 0) return -1;
  const btf_type* pointer = btf__type_by_id(kernel, btf__type_by_id(kernel, id)->type);
  const btf_type* prototype = btf__type_by_id(kernel, pointer->type);
  return btf_vlen(prototype) - 1;
}

bool HasFunction(const btf* kernel, const char* name) {
  return btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
}

// Capability bits of the effective set.
uint64_t EffectiveCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data) != 0) return 0;
  return data[0].effective | static_cast<uint64_t>(data[1].effective) << 32;
}

std::vector<std::string> MissingPrivileges() {
  const uint64_t have = EffectiveCapabilities();
  const auto has = [have](int capability) { return (have >> capability & 1) != 0; };
  std::vector<std::string> missing;
  if (has(CAP_SYS_ADMIN)) return missing;
  if (!has(CAP_BPF)) missing.emplace_back("CAP_BPF");
  if (!has(CAP_PERFMON)) missing.emplace_back("CAP_PERFMON");
  return missing;
}

bool IsRealtime(const utsname& names) {
  return access("/sys/kernel/realtime", F_OK) == 0 ||
         std::strstr(names.version, "PREEMPT_RT") != nullptr;
}

void ProbeSymbols(KernelFeatures& features) {
  std::ifstream kallsyms("/proc/kallsyms");
  uint64_t end = 0;
  std::string type;
  std::string name;
  for (uint64_t address = 0; end == 0 && kallsyms >> std::hex >> address >> type >> name;) {
    features.kernel_symbols |= address != 0;  // all are 0 where they are hidden
    if (name == "__irqentry_text_start") features.interrupt_entry = address;
    if (name == "__irqentry_text_end") end = address;
    kallsyms.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  if (features.interrupt_entry < end) {
    features.interrupt_entry_bytes = end - features.interrupt_entry;
  }
}

bool CanOpenPerfEvent() {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.disabled = 1;
  const long fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return false;
  close(static_cast<int>(fd));
  return true;
}

bool TracefsReadable() {
  return access("/sys/kernel/tracing/events/raw_syscalls", R_OK) == 0 ||
         access("/sys/kernel/debug/tracing/events/raw_syscalls", R_OK) == 0;
}

// As perf and trace-cmd do where init has not: it stays mounted, for them too.
bool MakeTracefsReadable() {
  if (TracefsReadable()) return true;
  mount("tracefs", "/sys/kernel/tracing", "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  return TracefsReadable();
}

// What the programs tell of are the machine's process numbers; /proc must show the same ones.
bool SeesHostPids() {
  constexpr ino_t kInitialNamespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO, v3.8
  struct stat own {};
  return stat("/proc/self/ns/pid", &own) != 0 || own.st_ino == kInitialNamespace;
}

void ProbeUnread(const btf* kernel, KernelFeatures& features) {
  features.unread_by_events = TracepointParameters(kernel, "sk_data_ready") == 1 &&
                              TracepointParameters(kernel, "sock_recv_length") == 3;
  features.unread_by_functions =
      !features.unread_by_events && HasFunction(kernel, "bpf_sk_storage_get_tracing") &&
      HasFunction(kernel, "sock_def_readable") && HasFunction(kernel, "inet_recvmsg") &&
      HasFunction(kernel, "inet6_recvmsg");
}

void ProbeBtf(KernelFeatures& features) {
  const BtfPtr kernel(btf__load_vmlinux_btf());
  if (!kernel) return;
  features.btf = true;
  features.switch_has_state = TracepointParameters(kernel.get(), "sched_switch") >= 4;
  features.block_has_queue = TracepointParameters(kernel.get(), "block_rq_issue") == 2;
  features.rseq_update = TracepointParameters(kernel.get(), "rseq_update") == 1;
  features.rdonly_cast = HasFunction(kernel.get(), "bpf_rdonly_cast");
  features.kernel_locks = TracepointParameters(kernel.get(), "contention_begin") == 2 &&
                          TracepointParameters(kernel.get(), "contention_end") == 2;
  ProbeUnread(kernel.get(), features);
}

CapabilityReport Report(std::string name, bool present, bool essential, std::string with,
                        std::string without) {
  return {std::move(name), present, essential, present ? std::move(with) : std::move(without)};
}

}  // namespace

KernelFeatures ProbeKernel() {
  KernelFeatures features;
  utsname names{};
  uname(&names);
  features.missing_privileges = MissingPrivileges();
  features.realtime = IsRealtime(names);
  features.host_pids = SeesHostPids();
  ProbeBtf(features);
  // Reserving in the ring buffer takes a sleeping lock on 5.10-rt, under the run-queue lock; the
  // kernels that have task storage take a raw one (v5.15-rt and later: measured on 6.1 to 7.3).
  features.task_storage = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, nullptr) == 1;
  features.ring_buffer_safe = !features.realtime || features.task_storage;
  features.tracefs = MakeTracefsReadable();
  features.perf_events = CanOpenPerfEvent();
  ProbeSymbols(features);
  // Mappings are followed by perf events. The kernels before task storage (v5.11) would do, but
  // nobody has measured how they bear an unwinder in the scheduler's hooks.
  features.unwind_tables = features.perf_events && features.task_storage;
  features.python_frames = features.unwind_tables;
  return features;
}

std::vector<CapabilityReport> Describe(const KernelFeatures& f) {
  return {
      Report("privilege", f.missing_privileges.empty(), true, "may load tracing programs",
             absl::StrCat("missing ", absl::StrJoin(f.missing_privileges, " and "),
                          ": run as root, or grant them with setcap or systemd's "
                          "AmbientCapabilities")),
      Report("process numbers", f.host_pids, true, "those of the machine",
             "in a PID namespace of its own the agent would take one process for another: start it "
             "outside, or in a container with the host's PIDs (docker run --pid host)"),
      Report("kernel BTF", f.btf, true, "/sys/kernel/btf/vmlinux describes this kernel",
             "nothing can be measured: the kernel needs CONFIG_DEBUG_INFO_BTF=y"),
      Report("safe ring buffer", f.ring_buffer_safe, true, "records travel by ring buffer",
             "this real-time kernel can deadlock on a ring buffer in the scheduler's hooks: use "
             "5.15-rt or later"),
      Report("task storage", f.task_storage, false, "ledgers live in the threads themselves",
             "ledgers live in a hash table of 32768 threads (kernels before 5.12)"),
      Report("state at switch", f.switch_has_state, false, "sched_switch hands over the state",
             "the state is read again at the switch: a thread woken in that instant may be "
             "counted as preempted (kernels before 5.18)"),
      Report("late user stacks", f.rseq_update, false,
             "user stacks are taken on the way back to user mode (rseq_update)",
             "user stacks are taken before the wait, in the long run at most eight times a "
             "sampling period and thread"),
      Report("whole user stacks", f.unwind_tables, false,
             "user stacks are unwound to the thread's root by unwind tables",
             "user stacks are walked by frame pointers, which most code does not keep: they end "
             "early (needs Linux 5.11 and perf_event_open)"),
      Report("Python frames", f.python_frames, false,
             "functions of Python 3.11 to 3.13 are named, with file and line",
             "Python code shows as its interpreter's functions: its frames stand in whole user "
             "stacks, which are not to be had"),
      Report("on-CPU samples", f.perf_events, false, "flame --kind on-cpu and wall",
             "flame --kind on-cpu and wall show no running time: perf_event_open was refused "
             "(kernel.perf_event_paranoid, CAP_PERFMON)"),
      Report("system-call tracepoints", f.tracefs, false, "the syscalls view works",
             "the syscalls view is empty: mount tracefs on /sys/kernel/tracing"),
      Report("unread requests", f.unread_requests(), false,
             "loops, pools and diagnose tell how long requests lie unread",
             "how long requests lie unread is not known (needs Linux 5.11, and tracefs)"),
      Report("kernel locks", f.kernel_locks, false,
             "locks and diagnose tell which lock of the kernel is waited for, and who owns it",
             "which lock of the kernel is waited for, and who owns it, is not known: waits for one "
             "are told by their stacks alone (needs Linux 5.19)"),
      Report("kernel symbols", f.kernel_symbols, false, "kernel frames have names",
             "kernel frames are bare addresses: set kernel.kptr_restrict to 0 or 1 and run "
             "with CAP_SYSLOG"),
  };
}

absl::Status CheckEssentials(const KernelFeatures& features) {
  for (const CapabilityReport& report : Describe(features)) {
    if (report.present || !report.essential) continue;
    const std::string message = absl::StrCat("cannot measure: ", report.name, ": ", report.detail);
    return report.name == "privilege" ? absl::PermissionDeniedError(message)
                                      : absl::FailedPreconditionError(message);
  }
  return absl::OkStatus();
}

}  // namespace waitscope
