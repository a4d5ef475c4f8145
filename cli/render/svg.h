// A self-contained picture of nested boxes: hover, click to zoom, search, no network.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace waitscope::cli {

struct SvgBox {
  double left = 0;   // 0..1
  double width = 0;  // 0..1
  int depth = 0;     // 0 at the bottom
  std::string label;
  std::string details;  // the line shown on hover
  std::string fill;
};

struct SvgLegendEntry {
  std::string text;
  std::string fill;
};

struct SvgPicture {
  std::string title;
  std::vector<std::string> lines;  // below the title
  std::vector<SvgLegendEntry> legend;
  std::vector<SvgBox> boxes;
  int depth = 0;
};

std::string RenderSvg(const SvgPicture& picture);

// Also drops bytes that XML cannot carry: control characters and broken UTF-8.
std::string XmlText(absl::string_view text);

// `fill` mixed with that much white, 0..1.
std::string Lightened(absl::string_view fill, double white);

}  // namespace waitscope::cli
