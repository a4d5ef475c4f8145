// What HotSpot says of its own structs: the table that its serviceability agent reads, exported by
// libjvm.so of every build since JDK 5 (vmStructs.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "agent/os/process_memory.h"

namespace waitscope {

// Addresses of the variables that lead to the tables, in one process.
struct VmStructsAt {
  // Of VMStructEntry: the table, the bytes from one to the next, and what lies where in one.
  uint64_t structs = 0;
  uint64_t struct_stride = 0;
  uint64_t type_name = 0;
  uint64_t field_name = 0;
  uint64_t is_static = 0;
  uint64_t offset = 0;
  uint64_t address = 0;
  // Of VMTypeEntry.
  uint64_t types = 0;
  uint64_t type_stride = 0;
  uint64_t type_type_name = 0;
  uint64_t type_size = 0;

  friend bool operator==(const VmStructsAt&, const VmStructsAt&) = default;
};

class VmStructs {
 public:
  // Nothing when the memory holds no such tables, or not yet.
  static std::optional<VmStructs> Read(const VmStructsAt& at, const ReadMemory& read);

  // Of "CodeBlob::_frame_size", in bytes. Nothing when this build has no such field.
  std::optional<uint64_t> Offset(absl::string_view field) const;
  // The address of a static field.
  std::optional<uint64_t> Static(absl::string_view field) const;
  // In bytes.
  std::optional<uint64_t> SizeOf(absl::string_view type) const;

 private:
  absl::flat_hash_map<std::string, uint64_t> offsets_;
  absl::flat_hash_map<std::string, uint64_t> statics_;
  absl::flat_hash_map<std::string, uint64_t> sizes_;
};

}  // namespace waitscope
