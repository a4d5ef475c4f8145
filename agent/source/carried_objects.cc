#include "agent/source/carried_objects.h"

#include <algorithm>
#include <iterator>

#define BPF_OBJECT(name)                          \
  extern "C" const std::byte bpf_object_##name[]; \
  extern "C" const std::byte bpf_object_##name##_end[]
BPF_OBJECT(sched);
BPF_OBJECT(life);
BPF_OBJECT(snapshot);
BPF_OBJECT(block);
BPF_OBJECT(oncpu);
BPF_OBJECT(syscall);
BPF_OBJECT(unread);
BPF_OBJECT(sides);
BPF_OBJECT(kernel_locks);
#undef BPF_OBJECT

namespace waitscope {
namespace {

struct Object {
  std::string_view name;
  const std::byte* begin;
  const std::byte* end;
};

#define CARRIED(name) \
  { #name, bpf_object_##name, bpf_object_##name##_end }
constexpr Object kObjects[] = {
    CARRIED(sched),   CARRIED(life),   CARRIED(snapshot), CARRIED(block),        CARRIED(oncpu),
    CARRIED(syscall), CARRIED(unread), CARRIED(sides),    CARRIED(kernel_locks),
};
#undef CARRIED

}  // namespace

std::span<const std::byte> CarriedObject(std::string_view name) {
  const auto* found = std::find_if(std::begin(kObjects), std::end(kObjects),
                                   [&](const Object& o) { return o.name == name; });
  return {found->begin, found->end};
}

}  // namespace waitscope
