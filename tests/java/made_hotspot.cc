#include "tests/java/made_hotspot.h"

#include <algorithm>

namespace waitscope {
namespace {

constexpr uint32_t kSegments = 1200;
constexpr uint32_t kBlockHeader = 16;
constexpr uint32_t kEntryBytes = 48;
// As JDK 17 has them, nearly.
const std::map<std::string, uint64_t> kOffsets = {{"CodeHeap::_memory", 8},
                                                  {"CodeHeap::_segmap", 120},
                                                  {"CodeHeap::_log2_segment_size", 256},
                                                  {"VirtualSpace::_low_boundary", 0},
                                                  {"VirtualSpace::_high_boundary", 8},
                                                  {"GrowableArrayBase::_len", 0},
                                                  {"GrowableArray<int>::_data", 8},
                                                  {"StubQueue::_stub_buffer", 8},
                                                  {"StubQueue::_buffer_limit", 20},
                                                  {"CodeBlob::_frame_size", 28},
                                                  {"CodeBlob::_name", 96},
                                                  {"CompiledMethod::_method", 112},
                                                  {"Method::_constMethod", 8},
                                                  {"ConstMethod::_constants", 8},
                                                  {"ConstMethod::_name_index", 34},
                                                  {"ConstantPool::_pool_holder", 24},
                                                  {"Klass::_name", 24},
                                                  {"Symbol::_length", 4},
                                                  {"Symbol::_body", 6},
                                                  {"PcDesc::_pc_offset", 0},
                                                  {"PcDesc::_scope_decode_offset", 4},
                                                  {"nmethod::_scopes_pcs_offset", 268},
                                                  {"nmethod::_dependencies_offset", 272},
                                                  {"nmethod::_metadata_offset", 260},
                                                  {"CompiledMethod::_scopes_data_begin", 120},
                                                  {"CodeBlob::_code_begin", 32}};

}  // namespace

MadeHotSpot::MadeHotSpot()
    : heap_(kSegments * kSegmentBytes),
      offsets_(kOffsets),
      sizes_({{"HeapBlock", kBlockHeader}, {"ConstantPool", 64}, {"PcDesc", 16}}) {
  Object(16);
  segments_ = Object(kSegments);
  for (uint32_t i = 0; i < kSegments; ++i) Set<uint8_t>(segments_ + i, HOTSPOT_NO_BLOCK);
  const uint64_t heap = Object(512);
  Set<uint64_t>(heap + 8, kHeap);
  Set<uint64_t>(heap + 16, kHeap + heap_.size());
  Set<uint64_t>(heap + 120, segments_);
  Set<uint32_t>(heap + 256, 7);
  const uint64_t heaps = Object(16);
  Set<uint64_t>(heaps, heap);
  const uint64_t array = Object(16);
  Set<uint32_t>(array, 1);
  Set<uint64_t>(array + 8, heaps);
  const uint64_t stubs = Object(32);
  Set<uint64_t>(stubs + 8, kInterpreter);
  Set<uint32_t>(stubs + 20, 100 * kSegmentBytes);
  const std::pair<const char*, uint64_t> values[] = {
      {"CodeCache::_heaps", array},
      {"AbstractInterpreter::_code", stubs},
      {"StubRoutines::_call_stub_return_address", kCallStubReturn},
      {"Abstract_VM_Version::_vm_major_version", 17}};
  for (const auto& [name, value] : values) {
    statics_[name] = Object(8);
    Set<uint64_t>(statics_[name], value);
    values_[name] = value;
  }
}

uint64_t MadeHotSpot::Object(size_t bytes) {
  const uint64_t address = kBegin + bytes_.size();
  bytes_.resize((bytes_.size() + bytes + 15) / 16 * 16);
  return address;
}

uint64_t MadeHotSpot::Text(std::string_view text) {
  const uint64_t address = Object(text.size() + 1);
  for (size_t i = 0; i < text.size(); ++i) Set(address + i, static_cast<uint8_t>(text[i]));
  return address;
}

uint64_t MadeHotSpot::Symbol(std::string_view text) {
  const uint64_t address = Object(6 + text.size());
  Set(address + 4, static_cast<uint16_t>(text.size()));
  for (size_t i = 0; i < text.size(); ++i) Set(address + 6 + i, static_cast<uint8_t>(text[i]));
  return address;
}

uint64_t MadeHotSpot::Method(std::string_view type, std::string_view name) {
  const uint64_t holder = Object(64);
  Set(holder + 24, Symbol(type));
  const uint64_t pool = Object(64 + 8 * 8);
  Set(pool + 24, holder);
  Set(pool + 64 + 5 * 8, Symbol(name));
  const uint64_t fixed = Object(64);
  Set(fixed + 8, pool);
  Set<uint16_t>(fixed + 34, 5);
  const uint64_t method = Object(96);
  Set(method + 8, fixed);
  return method;
}

// Hops as HotSpot writes them: each segment says how far its block's first is, at most 254.
uint64_t MadeHotSpot::Code(uint32_t first, uint32_t segments, std::string_view kind,
                           uint64_t method, int32_t frame_words) {
  for (uint32_t i = 0; i < segments; ++i) {
    Set(segments_ + first + i, static_cast<uint8_t>(i == 0 ? 0 : (i - 1) % 254 + 1));
  }
  const uint64_t blob = kHeap + static_cast<uint64_t>(first) * kSegmentBytes + kBlockHeader;
  HeapWord(blob + 28, static_cast<uint32_t>(frame_words), 4);
  HeapWord(blob + 32, blob, 8);
  HeapWord(blob + 96, Text(kind), 8);
  HeapWord(blob + 112, method, 8);
  return blob;
}

void MadeHotSpot::HeapWord(uint64_t address, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    heap_.at(address - kHeap + i) = static_cast<uint8_t>(value >> 8 * i);
  }
}

// Behind what Code writes: the places, then the methods; the scopes lie elsewhere. Numbers are of
// one byte here: small ones.
void MadeHotSpot::Inlines(uint64_t blob, const std::vector<Inlined>& places) {
  constexpr uint64_t kPlaces = 400;
  const uint64_t scopes = Object(128);
  uint8_t next = 1;  // 0 is no scope
  uint8_t methods = 0;
  uint64_t place = blob + kPlaces;
  const uint64_t metadata = place + (places.size() + 2) * 16;
  const auto put_place = [&](int32_t pc, uint32_t scope) {
    HeapWord(place, static_cast<uint32_t>(pc), 4);
    HeapWord(place + 4, scope, 4);
    place += 16;
  };
  put_place(-1, 0);
  for (const Inlined& inlined : places) {
    put_place(inlined.pc, next);
    for (size_t level = 0; level < inlined.methods.size(); ++level) {
      const bool outermost = level + 1 == inlined.methods.size();
      HeapWord(metadata + 8ULL * methods, inlined.methods[level], 8);
      Set<uint8_t>(scopes + next, outermost ? 0 : next + 3);
      Set<uint8_t>(scopes + next + 1, ++methods);
      next = static_cast<uint8_t>(next + 3);
    }
  }
  put_place(INT32_MAX, 0);
  HeapWord(blob + 120, scopes, 8);
  HeapWord(blob + 260, metadata - blob, 4);
  HeapWord(blob + 268, kPlaces, 4);
  HeapWord(blob + 272, place - blob, 4);
}

void MadeHotSpot::Lacks(const std::string& field) {
  offsets_.erase(field);
  sizes_.erase(field);
  statics_.erase(field);
}

void MadeHotSpot::Renames(const std::string& field, const std::string& name) {
  offsets_[name] = offsets_.at(field);
  offsets_.erase(field);
}

uint64_t MadeHotSpot::Entry(uint64_t at, const std::string& name, bool is_static, uint64_t value) {
  const size_t colons = name.find("::");
  const uint64_t type = Text(name.substr(0, colons));
  const uint64_t field = Text(name.substr(std::min(colons, name.size() - 2) + 2));
  Set(at, type);
  Set(at + 8, field);
  Set<uint32_t>(at + 24, is_static ? 1 : 0);
  Set(at + (is_static ? 40 : 32), value);
  return at + kEntryBytes;
}

VmStructsAt MadeHotSpot::Publish() {
  const uint64_t structs = Object((offsets_.size() + statics_.size() + 1) * kEntryBytes);
  uint64_t at = structs;
  for (const auto& [name, value] : offsets_) at = Entry(at, name, false, value);
  for (const auto& [name, value] : statics_) at = Entry(at, name, true, value);
  const uint64_t types = Object((sizes_.size() + 1) * kEntryBytes);
  at = types;
  for (const auto& [name, value] : sizes_) at = Entry(at, name, false, value);
  const auto variable = [this](uint64_t value) {
    const uint64_t address = Object(8);
    Set(address, value);
    return address;
  };
  return {.structs = variable(structs),
          .struct_stride = variable(kEntryBytes),
          .type_name = variable(0),
          .field_name = variable(8),
          .is_static = variable(24),
          .offset = variable(32),
          .address = variable(40),
          .types = variable(types),
          .type_stride = variable(kEntryBytes),
          .type_type_name = variable(0),
          .type_size = variable(32)};
}

size_t MadeHotSpot::Read(uint64_t address, std::span<uint8_t> into) const {
  const auto from = [&](uint64_t begin, const std::vector<uint8_t>& bytes) {
    const uint64_t at = address - begin;
    if (at >= bytes.size()) return size_t{0};
    const size_t count = std::min(into.size(), bytes.size() - at);
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(at), count, into.begin());
    return count;
  };
  return std::max(from(kBegin, bytes_), from(kHeap, heap_));
}

ReadMemory MadeHotSpot::reader() const {
  return [this](uint64_t address, std::span<uint8_t> into) { return Read(address, into); };
}

}  // namespace waitscope
