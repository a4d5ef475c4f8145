// One loaded BPF object: its programs, their links, and the maps it shares with the others by name.
#pragma once

#include <bpf/libbpf.h>

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/os/unique_fd.h"
#include "agent/source/live_options.h"
#include "agent/source/online_cpus.h"
#include "bpf/config.h"

namespace waitscope {

struct BpfObjectClose {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct BpfLinkDestroy {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using BpfLinkPtr = std::unique_ptr<bpf_link, BpfLinkDestroy>;

// Maps by name, created by whichever object comes first and reused by the rest.
using SharedMaps = std::map<std::string, UniqueFd, std::less<>>;

struct ObjectSpec {
  std::string_view name;
  std::span<const std::byte> elf;
  probe_config config;
  // Programs of this kernel's variant; the others are not even loaded.
  std::function<bool(std::string_view program)> wanted;
  // Maps this kernel cannot create.
  std::function<bool(std::string_view map)> unwanted_map;
  // Overrides of max_entries by map name.
  std::map<std::string, uint32_t, std::less<>> sizes;
};

class BpfObject {
 public:
  // Loads and verifies; attaches nothing. The error carries the kernel's last words.
  static absl::StatusOr<BpfObject> Load(const ObjectSpec& spec, SharedMaps& maps);

  // Attaches every program that libbpf can attach by its section's name.
  absl::Status Attach();
  // Attaches the program `name` to the CPU clock of these CPUs alone, `hz` times a second.
  absl::Status FollowCpuClocks(const std::string& name, uint32_t hz, const CpuSet& online);
  // For iterators: a link to create readers from.
  absl::StatusOr<BpfLinkPtr> AttachIterator(const std::string& name, int map_fd = -1);

  std::vector<ProgramReport> Programs() const;

 private:
  explicit BpfObject(bpf_object* object) : object_(object) {}

  std::unique_ptr<bpf_object, BpfObjectClose> object_;
  std::vector<BpfLinkPtr> links_;  // destroyed first: detaches
  PerCpu<BpfLinkPtr> clocks_;
};

}  // namespace waitscope
