// What an ELF file says of the HotSpot in it.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "agent/java/vm_structs.h"
#include "agent/unwind/elf_image.h"

namespace waitscope {

// Whether a file of this name can hold HotSpot.
bool MayHoldHotSpot(absl::string_view path);

// Addresses before relocation. Nothing when the file holds no HotSpot.
std::optional<VmStructsAt> FindHotSpot(const ElfImage& image, absl::string_view path);

// The same in a process where address 0 came to lie at `moved`.
VmStructsAt Moved(const VmStructsAt& at, uint64_t moved);

}  // namespace waitscope
