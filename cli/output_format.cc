#include "cli/output_format.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace waitscope::cli {
namespace {

struct Suffix {
  absl::string_view suffix;
  absl::string_view format;
  absl::string_view also = "";  // a format that is a kind of this one
};

// Longer suffixes first: ".speedscope.json" is also ".json".
constexpr Suffix kSuffixes[] = {
    {".speedscope.json", "speedscope"},
    {".json", "json", "speedscope"},
    {".svg", "svg"},
    {".folded", "folded"},
    {".pb.gz", "pprof"},
    {".pprof", "pprof"},
    {".txt", "text", "folded"},
};

const Suffix* SuffixOf(const std::string& file) {
  const auto* found = std::find_if(
      std::begin(kSuffixes), std::end(kSuffixes),
      [&](const Suffix& suffix) { return absl::EndsWithIgnoreCase(file, suffix.suffix); });
  return found == std::end(kSuffixes) ? nullptr : found;
}

bool HasExtension(absl::string_view file) {
  const absl::string_view name = file.substr(file.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  return dot != absl::string_view::npos && dot > 0 && dot + 1 < name.size();
}

std::string SuffixesOf(const std::vector<std::string>& formats) {
  std::vector<absl::string_view> suffixes;
  for (const Suffix& suffix : kSuffixes) {
    if (std::find(formats.begin(), formats.end(), suffix.format) != formats.end()) {
      suffixes.push_back(suffix.suffix);
    }
  }
  return absl::StrJoin(suffixes, " ");
}

absl::Status UnknownName(const std::string& file, const std::vector<std::string>& formats) {
  return absl::InvalidArgumentError(
      absl::StrCat(file, ": its name means no format known here. Name it with one of ",
                   SuffixesOf(formats), ", or say --output ", absl::StrJoin(formats, "|")));
}

absl::Status NotOfThisView(const std::string& file, absl::string_view format,
                           const std::vector<std::string>& formats) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": this view cannot be written as ", format,
                                                 ". It takes --output ",
                                                 absl::StrJoin(formats, "|")));
}

absl::Status Disagree(const OutputOptions& options, absl::string_view named) {
  return absl::InvalidArgumentError(absl::StrCat(options.file, ": its name means ", named,
                                                 ", but --output says ", options.format,
                                                 ". Change one of the two"));
}

}  // namespace

absl::StatusOr<std::string> ChooseFormat(const OutputOptions& options,
                                         const std::vector<std::string>& formats) {
  const Suffix* suffix = SuffixOf(options.file);
  if (!options.format.empty()) {
    const bool agree =
        suffix == nullptr || suffix->format == options.format || suffix->also == options.format;
    if (!agree) return Disagree(options, suffix->format);
    return options.format;
  }
  if (suffix == nullptr && HasExtension(options.file)) return UnknownName(options.file, formats);
  if (suffix == nullptr) return formats.front();
  if (std::find(formats.begin(), formats.end(), suffix->format) == formats.end()) {
    return NotOfThisView(options.file, suffix->format, formats);
  }
  return std::string(suffix->format);
}

absl::Status CheckRecordingName(const std::string& file) {
  const Suffix* suffix = SuffixOf(file);
  if (suffix == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(file, ": its name means ", suffix->format,
                   ", and a recording is none. Name it FILE.wslog; `waitscope replay FILE.wslog "
                   "flame -o ...` writes pictures of it"));
}

}  // namespace waitscope::cli
