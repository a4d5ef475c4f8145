#include "cli/render/speedscope.h"

#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace waitscope::cli {
namespace {

using nlohmann::json;

// A frame as speedscope tells it apart: by name, file and line.
struct SourcePlace {
  std::string name;
  std::string file;  // of the source, or the module
  uint32_t line = 0;

  friend auto operator<=>(const SourcePlace&, const SourcePlace&) = default;
};

class FrameTable {
 public:
  size_t IndexOf(const SourcePlace& place) {
    const auto [entry, added] = indices_.try_emplace(place, indices_.size());
    if (added) {
      json frame = {{"name", place.name}};
      if (!place.file.empty()) frame["file"] = place.file;
      if (place.line != 0) frame["line"] = place.line;
      frames_.push_back(std::move(frame));
    }
    return entry->second;
  }

  json Take() { return std::move(frames_); }

 private:
  std::map<SourcePlace, size_t> indices_;
  json frames_ = json::array();
};

SourcePlace PlaceOf(const v1::ProfileResponse& profile, const NamedFrame& frame) {
  if (frame.frame == kNoFrame) return {.name = frame.name, .file = {}};
  const v1::Frame& source = profile.frames(frame.frame);
  if (source.file().empty()) return {.name = frame.name, .file = source.module()};
  return {.name = source.symbol(), .file = source.file(), .line = source.line()};
}

}  // namespace

std::string RenderSpeedscope(const v1::ProfileResponse& profile, const StackView& view) {
  FrameTable frames;
  json samples = json::array();
  json weights = json::array();
  uint64_t total_ns = 0;
  for (const WeightedStack& stack : WeightedStacks(profile, view)) {
    json sample = json::array();
    for (const NamedFrame& frame : stack.frames) {
      sample.push_back(frames.IndexOf(PlaceOf(profile, frame)));
    }
    samples.push_back(std::move(sample));
    weights.push_back(stack.ns);
    total_ns += stack.ns;
  }
  const std::string name = absl::StrCat(profile.kind(), " on ", profile.header().host());
  const json document = {{"$schema", "https://www.speedscope.app/file-format-schema.json"},
                         {"name", name},
                         {"exporter", absl::StrCat("waitscope ", profile.header().agent_version())},
                         {"activeProfileIndex", 0},
                         {"shared", {{"frames", frames.Take()}}},
                         {"profiles",
                          {{{"type", "sampled"},
                            {"name", name},
                            {"unit", "nanoseconds"},
                            {"startValue", 0},
                            {"endValue", total_ns},
                            {"samples", std::move(samples)},
                            {"weights", std::move(weights)}}}}};
  // Names come from other people's programs and may be broken UTF-8.
  return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace waitscope::cli
