#include "agent/source/bpf_object.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

constexpr std::string_view kConfigSection = ".rodata.cfg";

std::string LastWords(int error) { return absl::StrCat(std::strerror(error < 0 ? -error : error)); }

bool IsConfig(const bpf_map* map) {
  return std::string_view(bpf_map__name(map)).find(kConfigSection) != std::string_view::npos;
}

absl::Status Prepare(bpf_map* map, const ObjectSpec& spec, const SharedMaps& maps) {
  const std::string name = bpf_map__name(map);
  if (IsConfig(map)) {
    bpf_map__set_initial_value(map, &spec.config, sizeof(spec.config));
    return absl::OkStatus();
  }
  if (bpf_map__is_internal(map)) return absl::OkStatus();
  if (spec.unwanted_map(name)) {
    bpf_map__set_autocreate(map, false);
    return absl::OkStatus();
  }
  if (const auto size = spec.sizes.find(name); size != spec.sizes.end()) {
    bpf_map__set_max_entries(map, size->second);
  }
  const auto shared = maps.find(name);
  if (shared == maps.end()) return absl::OkStatus();
  if (const int error = bpf_map__reuse_fd(map, shared->second.get()); error != 0) {
    return absl::InternalError(absl::StrCat("cannot share map ", name, ": ", LastWords(error)));
  }
  return absl::OkStatus();
}

// Keeps the new object's maps for the objects that come after it.
void Share(bpf_object* object, SharedMaps& maps) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (bpf_map__is_internal(map) || bpf_map__fd(map) < 0 || maps.contains(name)) continue;
    maps.emplace(name, UniqueFd(fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3)));
  }
}

int OpenCpuClock(int cpu, uint32_t hz) {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.freq = 0;
  attr.sample_period = 1'000'000'000ULL / hz;
  return static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

// The link owns the event, too.
absl::StatusOr<std::optional<BpfLinkPtr>> AttachCpuClock(const bpf_program* program, uint32_t hz,
                                                         int cpu) {
  const int fd = OpenCpuClock(cpu, hz);
  if (fd < 0 && (errno == ENODEV || errno == EINVAL)) return std::nullopt;  // not online
  if (fd < 0) {
    return absl::UnavailableError(
        absl::StrCat("perf_event_open on CPU ", cpu, ": ", LastWords(errno)));
  }
  bpf_link* link = bpf_program__attach_perf_event(program, fd);
  if (link != nullptr) return BpfLinkPtr(link);
  const int error = errno;
  close(fd);
  return absl::UnavailableError(
      absl::StrCat("cannot attach ", bpf_program__name(program), ": ", LastWords(error)));
}

ProgramReport Describe(const bpf_program* program) {
  ProgramReport report{.name = bpf_program__name(program),
                       .attach = bpf_program__section_name(program)};
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  const int fd = bpf_program__fd(program);
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return report;
  report.attached = true;
  report.run_count = info.run_cnt;
  report.run_ns = info.run_time_ns;
  report.recursion_misses = info.recursion_misses;
  return report;
}

}  // namespace

absl::StatusOr<BpfObject> BpfObject::Load(const ObjectSpec& spec, SharedMaps& maps) {
  const std::string name(spec.name);
  LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name.c_str());
  bpf_object* raw = bpf_object__open_mem(spec.elf.data(), spec.elf.size(), &opts);
  if (raw == nullptr) {
    return absl::InternalError(
        absl::StrCat("cannot open BPF object ", name, ": ", LastWords(errno)));
  }
  BpfObject object(raw);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, raw) {
    if (absl::Status status = Prepare(map, spec, maps); !status.ok()) return status;
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, raw) {
    bpf_program__set_autoload(program, spec.wanted(bpf_program__name(program)));
  }
  if (const int error = bpf_object__load(raw); error != 0) {
    return absl::InternalError(
        absl::StrCat("the kernel refused BPF object ", name, ": ", LastWords(error),
                     "; waitscoped --check shows the verifier's words: please report them"));
  }
  Share(raw, maps);
  return object;
}

absl::Status BpfObject::Attach() {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    const bool iterates = bpf_program__expected_attach_type(program) == BPF_TRACE_ITER;
    if (iterates || !bpf_program__autoload(program)) continue;
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) {
      return absl::InternalError(absl::StrCat("cannot attach ", bpf_program__name(program), " to ",
                                              bpf_program__section_name(program), ": ",
                                              LastWords(errno)));
    }
    links_.emplace_back(link);
  }
  return absl::OkStatus();
}

absl::Status BpfObject::FollowCpuClocks(const std::string& name, uint32_t hz,
                                        const CpuSet& online) {
  const bpf_program* program = bpf_object__find_program_by_name(object_.get(), name.c_str());
  return clocks_.Follow(online, [&](int cpu) { return AttachCpuClock(program, hz, cpu); });
}

absl::StatusOr<BpfLinkPtr> BpfObject::AttachIterator(const std::string& name, int map_fd) {
  bpf_program* program = bpf_object__find_program_by_name(object_.get(), name.c_str());
  bpf_iter_link_info over{};
  over.map.map_fd = static_cast<uint32_t>(map_fd);
  LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &over, .link_info_len = sizeof(over));
  bpf_link* link = bpf_program__attach_iter(program, map_fd < 0 ? nullptr : &opts);
  if (link == nullptr) {
    return absl::InternalError(
        absl::StrCat("cannot attach iterator ", name, ": ", LastWords(errno)));
  }
  return BpfLinkPtr(link);
}

std::vector<ProgramReport> BpfObject::Programs() const {
  std::vector<ProgramReport> reports;
  const bpf_program* program = nullptr;
  for (program = bpf_object__next_program(object_.get(), nullptr); program != nullptr;
       program = bpf_object__next_program(object_.get(), const_cast<bpf_program*>(program))) {
    if (bpf_program__autoload(program)) reports.push_back(Describe(program));
  }
  return reports;
}

}  // namespace waitscope
