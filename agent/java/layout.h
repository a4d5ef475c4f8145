// Where a process's HotSpot keeps its code, and what names it.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/java/vm_structs.h"
#include "agent/os/process_memory.h"
#include "bpf/unwind/hotspot.h"

namespace waitscope {

// Byte offsets within HotSpot's structs.
struct HotSpotLayout {
  hotspot_code code{};  // the kernel side's part
  uint32_t blob_name = 0;
  uint32_t blob_method = 0;  // in an nmethod
  uint32_t const_method = 0;
  uint32_t constants = 0;
  uint32_t name_index = 0;
  uint32_t pool_holder = 0;
  uint32_t pool_bytes = 0;  // of a ConstantPool: its words follow
  uint32_t class_name = 0;
  uint32_t text_length = 0;  // of a Symbol
  uint32_t text = 0;
};

// Nothing when the VM is not up yet, or is of a build that says less.
std::optional<HotSpotLayout> ReadHotSpot(const VmStructs& structs, const ReadMemory& read);

}  // namespace waitscope
