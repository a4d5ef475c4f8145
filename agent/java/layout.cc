#include "agent/java/layout.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/string_view.h"
#include "agent/java/memory.h"

namespace waitscope {
namespace {

// Collects what a layout needs: one that is missing makes the whole unknown.
class Reader {
 public:
  Reader(const VmStructs& structs, const ReadMemory& read) : structs_(structs), memory_(read) {}

  bool complete() const { return complete_; }

  // The first of the fields that this build has.
  uint32_t Offset(std::initializer_list<absl::string_view> fields) {
    for (const absl::string_view field : fields) {
      if (const auto offset = structs_.Offset(field)) return static_cast<uint32_t>(*offset);
    }
    complete_ = false;
    return 0;
  }

  uint32_t SizeOf(absl::string_view type) {
    return static_cast<uint32_t>(Needed(structs_.SizeOf(type)));
  }

  template <typename Value = uint64_t>
  Value At(uint64_t address) {
    return Needed(memory_.Get<Value>(address));
  }

  // The value of a static field that holds an address, once it is set.
  uint64_t Static(absl::string_view field) {
    const auto at = structs_.Static(field);
    const uint64_t value = at ? At(*at) : 0;
    if (value == 0) complete_ = false;
    return value;
  }

 private:
  template <typename Value>
  Value Needed(std::optional<Value> value) {
    if (!value) complete_ = false;
    return value.value_or(Value{});
  }

  const VmStructs& structs_;
  HotSpotMemory memory_;
  bool complete_ = true;
};

hotspot_heap HeapAt(Reader& reader, uint64_t heap) {
  const uint64_t memory = heap + reader.Offset({"CodeHeap::_memory"});
  const uint64_t segments = heap + reader.Offset({"CodeHeap::_segmap"});
  const uint32_t low = reader.Offset({"VirtualSpace::_low_boundary"});
  const uint32_t high = reader.Offset({"VirtualSpace::_high_boundary"});
  return {
      .low = reader.At(memory + low),
      .high = reader.At(memory + high),
      .segments = reader.At(segments + low),
      .segment_shift = reader.At<uint32_t>(heap + reader.Offset({"CodeHeap::_log2_segment_size"})),
      .pad = 0};
}

void ReadHeaps(Reader& reader, hotspot_code& code) {
  const uint64_t array = reader.Static("CodeCache::_heaps");
  const auto length = reader.At<uint32_t>(
      array + reader.Offset({"GrowableArrayBase::_len", "GenericGrowableArray::_len"}));
  const uint64_t data = reader.At(array + reader.Offset({"GrowableArray<int>::_data"}));
  for (uint32_t i = 0; i < std::min<uint32_t>(length, HOTSPOT_MAX_HEAPS); ++i) {
    code.heaps[i] = HeapAt(reader, reader.At(data + i * sizeof(uint64_t)));
  }
}

void ReadInterpreter(Reader& reader, hotspot_code& code) {
  const uint64_t stubs = reader.Static("AbstractInterpreter::_code");
  code.interpreter_start = reader.At(stubs + reader.Offset({"StubQueue::_stub_buffer"}));
  code.interpreter_end = code.interpreter_start +
                         reader.At<uint32_t>(stubs + reader.Offset({"StubQueue::_buffer_limit"}));
}

hotspot_code ReadCode(Reader& reader) {
  hotspot_code code{};
  ReadHeaps(reader, code);
  ReadInterpreter(reader, code);
  code.call_stub_return = reader.Static("StubRoutines::_call_stub_return_address");
  code.block_header = reader.SizeOf("HeapBlock");
  code.frame_size = reader.Offset({"CodeBlob::_frame_size"});
  return code;
}

// CompressedReadStream's numbers changed in JDK 20 (8292758).
constexpr uint32_t kFirstWithExcess = 20;

std::optional<HotSpotScopes> ReadScopes(const VmStructs& structs, const ReadMemory& read) {
  Reader reader(structs, read);
  HotSpotScopes scopes{.apart = structs.Offset("nmethod::_immutable_data").has_value()};
  const auto version = structs.Static("Abstract_VM_Version::_vm_major_version");
  scopes.excess = version && reader.At<uint32_t>(*version) >= kFirstWithExcess ? 1 : 0;
  scopes.places = reader.Offset({"nmethod::_scopes_pcs_offset"});
  scopes.place_bytes = reader.SizeOf("PcDesc");
  scopes.place_pc = reader.Offset({"PcDesc::_pc_offset"});
  scopes.place_scope = reader.Offset({"PcDesc::_scope_decode_offset"});
  if (scopes.apart) {
    scopes.code = reader.Offset({"CodeBlob::_code_offset"});
    scopes.places_end = scopes.data = reader.Offset({"nmethod::_scopes_data_offset"});
    scopes.metadata = reader.Offset({"CodeBlob::_relocation_size"});
    scopes.unchanging = reader.Offset({"nmethod::_immutable_data"});
    scopes.changing = reader.Offset({"CodeBlob::_mutable_data"});
  } else {
    scopes.code = reader.Offset({"CodeBlob::_code_begin"});
    scopes.places_end = reader.Offset({"nmethod::_dependencies_offset"});
    scopes.data = reader.Offset({"CompiledMethod::_scopes_data_begin"});
    scopes.metadata = reader.Offset({"nmethod::_metadata_offset"});
  }
  return version && reader.complete() ? std::optional(scopes) : std::nullopt;
}

}  // namespace

std::optional<HotSpotLayout> ReadHotSpot(const VmStructs& structs, const ReadMemory& read) {
  Reader reader(structs, read);
  const HotSpotLayout layout = {
      .code = ReadCode(reader),
      .blob_name = reader.Offset({"CodeBlob::_name"}),
      .blob_method = reader.Offset({"nmethod::_method", "CompiledMethod::_method"}),
      .const_method = reader.Offset({"Method::_constMethod"}),
      .constants = reader.Offset({"ConstMethod::_constants"}),
      .name_index = reader.Offset({"ConstMethod::_name_index"}),
      .pool_holder = reader.Offset({"ConstantPool::_pool_holder"}),
      .pool_bytes = reader.SizeOf("ConstantPool"),
      .class_name = reader.Offset({"Klass::_name"}),
      .text_length = reader.Offset({"Symbol::_length"}),
      .text = reader.Offset({"Symbol::_body"}),
      .scopes = ReadScopes(structs, read)};
  return reader.complete() ? std::optional(layout) : std::nullopt;
}

}  // namespace waitscope
