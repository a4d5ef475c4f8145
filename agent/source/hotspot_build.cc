#include "agent/source/hotspot_build.h"

#include "absl/strings/strip.h"
#include "agent/unwind/named_symbols.h"

namespace waitscope {
namespace {

struct Export {
  absl::string_view name;
  uint64_t VmStructsAt::*to;
};

constexpr Export kExports[] = {
    {"gHotSpotVMStructs", &VmStructsAt::structs},
    {"gHotSpotVMStructEntryArrayStride", &VmStructsAt::struct_stride},
    {"gHotSpotVMStructEntryTypeNameOffset", &VmStructsAt::type_name},
    {"gHotSpotVMStructEntryFieldNameOffset", &VmStructsAt::field_name},
    {"gHotSpotVMStructEntryIsStaticOffset", &VmStructsAt::is_static},
    {"gHotSpotVMStructEntryOffsetOffset", &VmStructsAt::offset},
    {"gHotSpotVMStructEntryAddressOffset", &VmStructsAt::address},
    {"gHotSpotVMTypes", &VmStructsAt::types},
    {"gHotSpotVMTypeEntryArrayStride", &VmStructsAt::type_stride},
    {"gHotSpotVMTypeEntryTypeNameOffset", &VmStructsAt::type_type_name},
    {"gHotSpotVMTypeEntrySizeOffset", &VmStructsAt::type_size},
};

}  // namespace

bool MayHoldHotSpot(absl::string_view path) {
  absl::ConsumeSuffix(&path, " (deleted)");
  return path.substr(path.rfind('/') + 1) == "libjvm.so";
}

std::optional<VmStructsAt> FindHotSpot(const ElfImage& image, absl::string_view path) {
  if (!MayHoldHotSpot(path)) return std::nullopt;
  VmStructsAt at;
  for (const Export& wanted : kExports) {
    const std::optional<uint64_t> address = FindSymbol(image, wanted.name);
    if (!address) return std::nullopt;
    at.*wanted.to = *address;
  }
  return at;
}

VmStructsAt Moved(const VmStructsAt& at, uint64_t moved) {
  VmStructsAt result = at;
  for (const Export& known : kExports) result.*known.to += moved;
  return result;
}

}  // namespace waitscope
