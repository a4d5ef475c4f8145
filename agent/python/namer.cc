#include "agent/python/namer.h"

#include <algorithm>
#include <utility>

namespace waitscope {

std::optional<CodeObject> CodeObjectOf(const python_name& kept, CodeCache::Life life) {
  constexpr uint64_t kTickNs = 10'000'000;  // of /proc/PID/stat
  if (life.start_ticks != 0 && kept.start_ns / kTickNs != life.start_ticks) return std::nullopt;
  const size_t name = std::min<size_t>(kept.name_bytes, sizeof(kept.name));
  const size_t file = std::min<size_t>(kept.file_bytes, sizeof(kept.file));
  return CodeObject{.identity = {.first_line = kept.first_line},
                    .qualified_name = std::string(kept.name, name),
                    .filename = std::string(kept.file, file),
                    .instructions = UINT32_MAX,
                    .line_table = {}};
}

Frame PythonNamer::Name(const PythonPlace& place, CodeCache::Life life, const PythonLayout* layout,
                        const ReadMemory& read) {
  ++frames_;
  const CodeObject* code = cache_.Find(life, place.code, layout, read);
  std::optional<CodeObject> kept;
  if (code == nullptr && kept_) {
    kept = kept_(life, place.code);
    code = kept ? &*kept : nullptr;
  }
  if (code == nullptr) {
    ++gone_;
    return {.symbol = "[python code gone]", .module = "[python]"};
  }
  const bool placed = place.instruction != PYTHON_NO_INSTRUCTION;
  return {.symbol = code->qualified_name,
          .module = "[python]",
          .file = code->filename,
          .line = placed ? code->LineOf(place.instruction) : code->identity.first_line};
}

std::vector<Frame> PythonNamer::Show(const RawStack& raw, CodeCache::Life life, bool live,
                                     std::vector<Frame> native) {
  Frame mark{.symbol = PythonMark(raw, native), .module = "[python]"};
  const PythonWalk walk = ParsePythonWords(raw.python);
  if (walk.places.empty()) {
    if (mark.symbol.empty()) return native;
    native.insert(std::find_if(native.begin(), native.end(), IsInterpreter), std::move(mark));
    return native;
  }
  const std::optional<PythonLayout> layout = live && known_ ? known_(life.pid) : std::nullopt;
  const ReadMemory read = MemoryAndFilesOf(life.pid);
  std::vector<PythonFrame> python;
  for (const PythonPlace& place : walk.places) {
    Frame frame;
    if (place.code != 0) frame = Name(place, life, layout ? &*layout : nullptr, read);
    python.push_back({std::move(frame), place.is_entry});
  }
  if (!mark.symbol.empty()) python.push_back({std::move(mark), /*is_entry=*/false});
  return MergePython(std::move(native), std::move(python));
}

}  // namespace waitscope
