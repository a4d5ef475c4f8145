#include "agent/source/bpf_session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/os/clock.h"
#include "agent/source/carried_objects.h"
#include "agent/source/iterator_reader.h"

namespace waitscope {
namespace {

// Programs that exist in two variants, or not on every kernel. Everything else is always wanted.
bool Wanted(const KernelFeatures& f, std::string_view program) {
  if (program == "sched_switch") return f.switch_has_state;
  if (program == "sched_switch_v5_10") return !f.switch_has_state;
  if (program == "rseq_update") return f.rseq_update;
  if (program == "list_waiting") return f.unwind_tables;
  if (program == "sk_data_ready" || program == "sock_recv_length") return f.unread_by_events;
  if (program == "sock_def_readable_v6_2" || program == "inet_recvmsg_v6_2" ||
      program == "inet6_recvmsg_v6_2") {
    return f.unread_by_functions;
  }
  if (program == "forget_hashed_record") return !f.task_storage;
  if (program == "block_rq_insert" || program == "block_rq_issue") return !f.block_has_queue;
  if (program == "block_rq_insert_v5_10" || program == "block_rq_issue_v5_10") {
    return f.block_has_queue;
  }
  return true;
}

uint32_t RingBytes(uint64_t wanted) {
  auto bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  while (bytes < wanted && bytes < (1ULL << 30)) bytes <<= 1;
  return static_cast<uint32_t>(bytes);
}

std::map<std::string, uint32_t, std::less<>> MapSizes(const LiveOptions& options,
                                                      const KernelFeatures& features) {
  const auto memory =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  UnwindMaps::Sizes unwind{.row_chunks = 1, .page_chunks = 1, .mappings = 1};
  if (features.unwind_tables) unwind = UnwindMaps::SizesFor(memory);
  return {{"events", RingBytes(options.ring_bytes)},
          {"unwind_rows", unwind.row_chunks},
          {"unwind_pages", unwind.page_chunks},
          {"unwind_mappings", unwind.mappings}};
}

// What the kernel's coarse clocks go by; 0 when it does not say.
uint64_t TickNs() {
  timespec tick{};
  return clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0 ? static_cast<uint64_t>(tick.tv_nsec) : 0;
}

probe_config ConfigOf(const LiveOptions& options, const KernelFeatures& features) {
  probe_config config{};
  config.period_ns = options.sample_period_ns;
  config.ring_wake_bytes = RingBytes(options.ring_bytes) / 4;
  config.cpu_period_ns = options.cpu_hz == 0 ? 0 : 1'000'000'000ULL / options.cpu_hz;
  config.loaded_ns = MonotonicNs();
  config.agent_pid = getpid();
  config.task_storage = features.task_storage ? 1 : 0;
  config.late_hook = features.rseq_update ? 1 : 0;
  config.unwind = features.unwind_tables ? 1 : 0;
  config.interrupt_entry = features.interrupt_entry;
  config.interrupt_entry_bytes = features.interrupt_entry_bytes;
  config.rdonly_cast = features.rdonly_cast ? 1 : 0;
  config.tick_ns = TickNs();
  return config;
}

}  // namespace

BpfSession::BpfSession(const LiveOptions& options, const KernelFeatures& features)
    : options_(options),
      features_(features),
      kernel_locks_([this] { return KernelLocksLoader(); }),
      cpus_(OnlineCpus()) {
  features_.unwind_tables = features.unwind_tables && options.unwind_tables;
}

BpfSession::~BpfSession() = default;

absl::StatusOr<std::unique_ptr<BpfSession>> BpfSession::Open(const LiveOptions& options,
                                                             const KernelFeatures& features) {
  if (absl::Status status = CheckEssentials(features); !status.ok()) return status;
  std::unique_ptr<BpfSession> session(new BpfSession(options, features));
  session->FollowMappings();
  if (absl::Status status = session->LoadAlwaysOn(); !status.ok()) return status;
  session->SetPeriod(options.sample_period_ns);
  session->StartUnwinding();
  if (absl::Status status = session->AttachAlwaysOn(); !status.ok()) return status;
  return session;
}

ObjectSpec BpfSession::Spec(std::string_view name) const {
  return {
      .name = name,
      .elf = CarriedObject(name),
      .config = ConfigOf(options_, features_),
      .wanted = [f = features_](std::string_view program) { return Wanted(f, program); },
      .unwanted_map =
          [storage = features_.task_storage](std::string_view map) {
            return map == "ledgers" ? !storage : map == "ledgers_by_tid" && storage;
          },
      .sizes = MapSizes(options_, features_),
  };
}

absl::StatusOr<BpfObject*> BpfSession::Load(std::string_view name) {
  absl::StatusOr<BpfObject> object = BpfObject::Load(Spec(name), maps_);
  if (!object.ok()) return object.status();
  objects_.emplace_back(name, std::make_unique<BpfObject>(*std::move(object)));
  return objects_.back().second.get();
}

absl::Status BpfSession::LoadAlwaysOn() {
  for (std::string_view name : {"sched", "life", "snapshot", "block"}) {
    if (auto object = Load(name); !object.ok()) return object.status();
  }
  return absl::OkStatus();
}

// Whole stacks are worth having, not worth failing for.
void BpfSession::FollowMappings() {
  if (!features_.unwind_tables) return;
  auto stream = MappingStream::Open(cpus_);
  if (stream.ok()) {
    mappings_.emplace(*std::move(stream));
    return;
  }
  features_.unwind_tables = false;
  shortfalls_.push_back(absl::StrCat("user stacks end early: ", stream.status().message()));
}

// Before anything is attached, so that the first stacks find their tables.
void BpfSession::StartUnwinding() {
  if (!mappings_) return;
  python_names_ = Map("python_names");
  auto service = UnwindService::Start(*std::exchange(mappings_, std::nullopt),
                                      {.rows = Map("unwind_rows"),
                                       .pages = Map("unwind_pages"),
                                       .rules = Map("unwind_rules"),
                                       .mappings = Map("unwind_mappings"),
                                       .processes = Map("unwind_processes"),
                                       .pythons = Map("python_layouts"),
                                       .hotspots = Map("hotspot_processes")},
                                      Map("raw_stacks"));
  if (service.ok()) {
    unwinding_ = *std::move(service);
    unwinding_->AwaitTables();
  } else {
    shortfalls_.push_back(absl::StrCat("user stacks end early: ", service.status().message()));
  }
}

// Births first, then the scheduler's hooks, then the iterator that seeds everybody older: so that
// no thread falls between.
absl::Status BpfSession::AttachAlwaysOn() {
  for (std::string_view name : {"life", "sched", "block"}) {
    const auto object = std::find_if(objects_.begin(), objects_.end(),
                                     [&](const auto& o) { return o.first == name; });
    if (absl::Status status = object->second->Attach(); !status.ok()) return status;
  }
  const auto snapshot = std::find_if(objects_.begin(), objects_.end(),
                                     [](const auto& o) { return o.first == "snapshot"; });
  auto link = snapshot->second->AttachIterator("snapshot_ledgers");
  if (!link.ok()) return link.status();
  ledgers_ = *std::move(link);
  if (unwinding_) {
    auto waiting = snapshot->second->AttachIterator("list_waiting");
    if (!waiting.ok()) return waiting.status();
    waiting_ = *std::move(waiting);
  }
  if (absl::Status status = ListSockets(); !status.ok()) {
    shortfalls_.push_back(
        absl::StrCat("who is at the other end of event loops is not known: ", status.message()));
  }
  if (options_.cpu_hz != 0 && features_.perf_events) SampleCpus();
  return absl::OkStatus();
}

absl::Status BpfSession::ListSockets() {
  const absl::StatusOr<BpfObject*> object = Load("sides");
  if (!object.ok()) return object.status();
  auto sockets = (*object)->AttachIterator("list_sockets");
  if (!sockets.ok()) return sockets.status();
  sockets_ = *std::move(sockets);
  return absl::OkStatus();
}

std::optional<CodeObject> BpfSession::PythonNameOf(CodeCache::Life life, uint64_t code) const {
  const python_code_id id{.code = code, .pid = life.pid, .pad = 0};
  python_name name{};
  if (bpf_map_lookup_elem(python_names_, &id, &name) != 0) return std::nullopt;
  return CodeObjectOf(name, life);
}

absl::Status BpfSession::LoadSampler() {
  if (sampler_ != nullptr) return absl::OkStatus();
  auto oncpu = Load("oncpu");
  if (oncpu.ok()) sampler_ = *oncpu;
  return oncpu.status();
}

// The sampler is worth having, not worth failing for.
void BpfSession::SampleCpus() {
  absl::Status status = LoadSampler();
  if (status.ok()) status = sampler_->FollowCpuClocks("oncpu_tick", options_.cpu_hz, cpus_);
  if (!status.ok()) shortfalls_.push_back(absl::StrCat("no on-CPU samples: ", status.message()));
}

bool BpfSession::FollowCpus(const CpuSet& online) {
  if (online == cpus_) return false;
  cpus_ = online;
  if (sampler_ != nullptr) SampleCpus();
  if (unwinding_) unwinding_->FollowCpus(online);
  return true;
}

int BpfSession::Map(std::string_view name) const {
  const auto found = maps_.find(name);
  return found == maps_.end() ? -1 : found->second.get();
}

absl::Status BpfSession::ReadLedgers(absl::FunctionRef<void(const ledger_event&)> each) const {
  return ReadRecords(ledgers_.get(), each);
}

absl::StatusOr<std::vector<waiting_thread>> BpfSession::ReadWaiting() const {
  std::vector<waiting_thread> waiting;
  if (!waiting_) return waiting;
  absl::Status status = ReadRecords<waiting_thread>(
      waiting_.get(), [&](const waiting_thread& one) { waiting.push_back(one); });
  if (!status.ok()) return status;
  return waiting;
}

absl::StatusOr<std::vector<socket_row>> BpfSession::ReadSockets() const {
  std::vector<socket_row> sockets;
  if (!sockets_) return sockets;
  absl::Status status = ReadRecords<socket_row>(
      sockets_.get(), [&](const socket_row& one) { sockets.push_back(one); });
  if (!status.ok()) return status;
  return sockets;
}

void BpfSession::BeginWindow(uint32_t epoch, uint32_t generation) {
  control_.epoch = epoch;
  control_.generation = generation;
  WriteControl();
}

void BpfSession::SetPeriod(uint64_t period_ns) {
  control_.period_ns = period_ns;
  WriteControl();
}

void BpfSession::WriteControl() const {
  const uint32_t zero = 0;
  bpf_map_update_elem(Map("control"), &zero, &control_, BPF_ANY);
}

// Their maps stay in maps_, so that totals go on where they were.
void BpfSession::UnloadOnDemand() {
  unread_.reset();
  on_demand_.clear();
}

absl::Status BpfSession::SetOnDemand(bool wanted) {
  if (!wanted) {
    UnloadOnDemand();
    return absl::OkStatus();
  }
  if (!on_demand_.empty()) return absl::OkStatus();
  if (!features_.tracefs) {
    return absl::FailedPreconditionError(
        "the system-call tracepoints cannot be reached: mount tracefs on /sys/kernel/tracing "
        "(mount -t tracefs tracefs /sys/kernel/tracing) and start the agent again");
  }
  if (absl::Status status = LoadOnDemand("syscall").status(); !status.ok()) return status;
  if (!features_.unread_requests()) return absl::OkStatus();
  if (absl::Status status = WatchUnread(); !status.ok()) GiveUpUnread(status);
  return absl::OkStatus();
}

// The age of requests is worth having, not worth failing for.
void BpfSession::GiveUpUnread(const absl::Status& why) {
  unread_.reset();
  on_demand_.resize(1);  // the system calls' own stay
  features_.unread_by_events = features_.unread_by_functions = false;
  shortfalls_.push_back(absl::StrCat("how long requests lie unread is not known: ", why.message()));
}

absl::StatusOr<BpfObject*> BpfSession::LoadOnDemand(std::string_view name) {
  absl::StatusOr<BpfObject> object = BpfObject::Load(Spec(name), maps_);
  if (!object.ok()) return object.status();
  auto loaded = std::make_unique<BpfObject>(*std::move(object));
  if (absl::Status status = loaded->Attach(); !status.ok()) return status;
  on_demand_.push_back(std::move(loaded));
  return on_demand_.back().get();
}

void BpfSession::SetKernelLocks(bool wanted) {
  if (!features_.kernel_locks) return;
  if (!wanted) {
    control_.locks_ns = 0;  // first: what is noted from here on may have no end
    WriteControl();
  }
  kernel_locks_.Want(wanted, MonotonicNs());
  FollowKernelLocks();
}

void BpfSession::ReadKernelLocks(uint64_t now_ns, absl::FunctionRef<void(const Event&)> fold) {
  const absl::Status status = kernel_locks_.Read(now_ns, fold);
  if (status.ok()) return;
  control_.locks_ns = 0;
  WriteControl();
  kernel_locks_.GiveUp(status, now_ns);
}

void BpfSession::FollowKernelLocks() {
  kernel_locks_.Follow(MonotonicNs());
  if (!kernel_locks_.watching() || control_.locks_ns != 0) return;
  control_.locks_ns = MonotonicNs();  // from here on nothing ends unseen
  WriteControl();
}

KernelLockWatch::Load BpfSession::KernelLocksLoader() const {
  auto maps = std::make_shared<SharedMaps>();  // of its own: others come and go here meanwhile
  for (const auto& [name, fd] : maps_) {
    maps->emplace(name, UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)));
  }
  return [spec = Spec("kernel_locks"), maps]() -> absl::StatusOr<KernelLockWatch::Programs> {
    absl::StatusOr<BpfObject> object = BpfObject::Load(spec, *maps);
    if (!object.ok()) return object.status();
    if (absl::Status status = object->Attach(); !status.ok()) return status;
    return KernelLockWatch::Programs{std::make_unique<BpfObject>(*std::move(object)),
                                     std::move(maps->at("kernel_lock_waits"))};
  };
}

absl::Status BpfSession::WatchUnread() {
  UnreadRequests::ForgetListeners(Map("listening_ports"));
  const absl::StatusOr<BpfObject*> object = LoadOnDemand("unread");
  if (!object.ok()) return object.status();
  auto unread = UnreadRequests::Watch(**object, Map("unread_notes"));
  if (!unread.ok()) return unread.status();
  unread_ = *std::move(unread);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<unread_now>> BpfSession::ReadUnread() const {
  if (!unread_) return std::vector<unread_now>();
  return unread_->Read();
}

std::vector<ProgramReport> BpfSession::Programs() const {
  std::vector<ProgramReport> all;
  const auto append = [&all](const BpfObject& object) {
    for (ProgramReport& report : object.Programs()) all.push_back(std::move(report));
  };
  for (const auto& [name, object] : objects_) append(*object);
  for (const auto& object : on_demand_) append(*object);
  std::ranges::move(kernel_locks_.Reports(), std::back_inserter(all));
  return all;
}

std::vector<std::string> BpfSession::Shortfalls() const {
  std::vector<std::string> all = shortfalls_;
  if (std::string why = kernel_locks_.WhyNot(); !why.empty()) all.push_back(std::move(why));
  return all;
}

}  // namespace waitscope
