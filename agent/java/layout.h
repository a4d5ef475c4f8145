// Where a process's HotSpot keeps its code, and what names it.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/java/vm_structs.h"
#include "agent/os/process_memory.h"
#include "bpf/unwind/hotspot.h"

namespace waitscope {

// Where an nmethod says which methods were inlined where; offsets within it, or within the memory
// apart that newer builds keep it in.
struct HotSpotScopes {
  bool apart = false;   // JDK 25
  uint32_t code = 0;    // an address; apart: bytes from the blob on
  uint32_t places = 0;  // PcDescs: bytes from the blob on; apart: from what does not change on
  uint32_t places_end = 0;
  uint32_t data = 0;        // an address; apart: like `places`
  uint32_t metadata = 0;    // bytes from the blob on; apart: bytes of relocations before it
  uint32_t unchanging = 0;  // an address; of builds that keep it apart
  uint32_t changing = 0;
  uint32_t place_bytes = 0;
  uint32_t place_pc = 0;
  uint32_t place_scope = 0;
  uint32_t excess = 0;  // a byte of a number is so much more than it stands for: 1 since JDK 20
};

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
  std::optional<HotSpotScopes> scopes;  // nothing: of a build that keeps them in another way
};

// Nothing when the VM is not up yet, or is of a build that says less.
std::optional<HotSpotLayout> ReadHotSpot(const VmStructs& structs, const ReadMemory& read);

}  // namespace waitscope
