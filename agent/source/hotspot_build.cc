#include "agent/source/hotspot_build.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

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
  std::array<absl::string_view, std::size(kExports)> names;
  std::ranges::transform(kExports, names.begin(), &Export::name);
  const std::vector<std::optional<uint64_t>> found = FindSymbols(image, names);
  VmStructsAt at;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) return std::nullopt;
    at.*kExports[i].to = *found[i];
  }
  return at;
}

VmStructsAt Moved(const VmStructsAt& at, uint64_t moved) {
  VmStructsAt result = at;
  for (const Export& known : kExports) result.*known.to += moved;
  return result;
}

}  // namespace waitscope
