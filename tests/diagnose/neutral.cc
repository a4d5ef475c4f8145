#include "tests/diagnose/neutral.h"

#include <algorithm>
#include <iterator>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr std::string_view kGroup = "/waitscope-lab-";  // as tests/lab/lab.py names its cgroups
constexpr std::string_view kNeutralGroup = "/lab";
constexpr uint8_t kLoopback = 127;

bool IsLab(std::string_view cgroup) { return cgroup.find(kGroup) != std::string_view::npos; }

// "6.18" of "6.18.3-somebody".
std::string_view Release(std::string_view kernel) {
  const size_t minor = kernel.find('.');
  if (minor == std::string_view::npos) return kernel;
  return kernel.substr(0, kernel.find_first_not_of("0123456789", minor + 1));
}

// Of another machine, or this machine as another sees it.
bool IsForeign(const wait_object& object) {
  const auto is_loopback = [&](const __u8(&address)[16]) {
    const bool none = std::ranges::all_of(address, [](uint8_t byte) { return byte == 0; });
    const bool last =
        std::all_of(address, std::prev(std::end(address)), [](uint8_t byte) { return byte == 0; });
    return none || address[0] == kLoopback || (last && address[15] == 1);
  };
  return object.kind == OBJECT_socket &&
         !(is_loopback(object.local_addr) && is_loopback(object.peer_addr));
}

}  // namespace

// What of a record is not its process's own. False: none of the record is.
struct Neutral::Blank {
  const Neutral& of;

  template <size_t N>
  void Clean(char (&field)[N]) const {
    SetText(field, of.Text(waitscope::Text(field)));
  }
  void Clean(thread_ref& thread) const {
    if (!of.IsOwn(thread.pid)) thread = {};
  }
  void Clean(wait_object& object) const {
    Clean(object.name);
    if (!IsForeign(object)) return;
    std::ranges::fill(object.local_addr, 0);
    std::ranges::fill(object.peer_addr, 0);
  }
  template <size_t N>
  void CleanCgroup(char (&field)[N]) const {
    SetText(field, of.Cgroup(waitscope::Text(field)));
  }

  bool operator()(wait_event& event) const {
    Clean(event.object);
    if (of.IsOwn(event.waker.pid)) return true;
    event.waker = {};
    SetText(event.waker_comm, "");
    event.waker_user_stack = 0;
    return true;
  }
  bool operator()(ledger_event& event) const {
    Clean(event.object);
    Clean(event.creator);
    event.cgroup_id = 0;
    if (!of.IsOwn(event.parent_pid)) event.parent_pid = 0;
    return of.IsOwn(event.thread.pid);
  }
  bool operator()(life_event& event) const {
    Clean(event.creator);
    Clean(event.filename);
    event.cgroup_id = 0;
    return of.IsOwn(event.thread.pid);
  }
  bool operator()(process_event& event) const {
    Clean(event.command);
    CleanCgroup(event.cgroup);
    SetText(event.container, "");
    if (!of.IsOwn(event.parent_pid)) event.parent_pid = 0;
    return of.IsOwn(event.pid);
  }
  bool operator()(membership_event& event) const {
    CleanCgroup(event.cpu);
    CleanCgroup(event.memory);
    CleanCgroup(event.pids);
    return of.IsOwn(event.pid);
  }
  bool operator()(cgroup_event& event) const {
    const bool lab = IsLab(waitscope::Text(event.path));
    CleanCgroup(event.path);
    return lab;
  }
  bool operator()(sides_event& event) const { return of.IsOwn(event.pid); }
  bool operator()(host_event& event) const {
    SetText(event.hostname, "lab");
    SetText(event.kernel, std::string(Release(waitscope::Text(event.kernel))));
    return true;
  }
  bool operator()(frame_event& event) const {
    Clean(event.module);
    Clean(event.file);
    return true;
  }
  bool operator()(listener_event& event) const { return of.ports_.contains(event.port); }
  bool operator()(std::monostate) const { return false; }
  template <typename Other>
  bool operator()(Other&) const {
    return true;
  }
};

void Neutral::Notice(const Event& event) {
  if (const auto* ledger = std::get_if<ledger_event>(&event)) {
    if (ledger->kernel_thread == 0) own_.insert(ledger->thread.pid);
  } else if (const auto* wait = std::get_if<wait_event>(&event)) {
    ports_.insert({wait->object.local_port, wait->object.peer_port});
  }
}

std::optional<Event> Neutral::Of(Event event) const {
  if (!std::visit(Blank{*this}, event)) return std::nullopt;
  return event;
}

std::string Neutral::Text(std::string_view text) const {
  std::string neutral(text);
  for (const auto& [from, to] : replacements_) {
    for (size_t at = neutral.find(from); at != std::string::npos;
         at = neutral.find(from, at + to.size())) {
      neutral.replace(at, from.size(), to);
    }
  }
  return neutral;
}

std::string Neutral::Cgroup(std::string_view path) const {
  return std::string(IsLab(path) ? kNeutralGroup : "/");
}

}  // namespace waitscope
