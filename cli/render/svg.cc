#include "cli/render/svg.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/style.h"
#include "cli/render/svg_script.h"

namespace waitscope::cli {
namespace {

constexpr int kWidth = 1200;
constexpr int kPad = 10;
constexpr int kRow = 17;
constexpr double kCharacter = 7.25;

int TopOfBoxes(const SvgPicture& picture) {
  return 40 + kRow * static_cast<int>(picture.lines.size()) + (picture.legend.empty() ? 0 : 24);
}

std::string Text(int x, int y, absl::string_view attributes, absl::string_view text) {
  return absl::StrFormat("<text x=\"%d\" y=\"%d\" %s>%s</text>\n", x, y, attributes, XmlText(text));
}

std::string Legend(const SvgPicture& picture, int y) {
  std::string text;
  int x = kPad;
  for (const SvgLegendEntry& entry : picture.legend) {
    absl::StrAppendFormat(&text,
                          "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x,
                          y - 11, entry.fill);
    text += Text(x + 17, y, "class=\"legend\"", entry.text);
    x += 17 + static_cast<int>(kCharacter * (DisplayWidth(entry.text) + 3));
  }
  return text;
}

std::string Box(const SvgPicture& picture, const SvgBox& box) {
  const double scale = kWidth - 2 * kPad;
  const double x = kPad + box.left * scale;
  const double width = box.width * scale;
  const int y = TopOfBoxes(picture) + (picture.depth - box.depth) * kRow;
  const int room = static_cast<int>((width - 6) / kCharacter);
  const std::string label = room < 3 ? std::string() : Truncated(box.label, room);
  return absl::StrFormat(
      "<g class=\"box\" data-l=\"%.9g\" data-w=\"%.9g\" data-d=\"%d\" data-n=\"%s\">"
      "<title>%s</title>"
      "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"1\" fill=\"%s\"/>"
      "<text x=\"%.1f\" y=\"%d\">%s</text></g>\n",
      box.left, box.width, box.depth, XmlText(box.label), XmlText(box.details), x, y, width,
      kRow - 1, box.fill, x + 3, y + 12, XmlText(label));
}

std::string Head(int height) {
  return absl::StrFormat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
      "viewBox=\"0 0 %d %d\">\n<style>%s</style>\n",
      kWidth, height, kWidth, height, kSvgStyle);
}

std::string Buttons() {
  return absl::StrCat(
      Text(kWidth - 80, 24, "class=\"button\" id=\"search\" data-right=\"80\"", "search"),
      Text(kWidth - 170, 24,
           "class=\"button\" id=\"reset\" data-right=\"170\" style=\"display:none\"",
           "reset zoom"));
}

// Length of the UTF-8 sequence at the start of `text`; 0 when it is broken or XML forbids it.
size_t SequenceLength(absl::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte < 0x80) return byte >= 0x20 && byte != 0x7F ? 1 : 0;
  const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 0;
  if (length == 0 || byte > 0xF4 || text.size() < length) return 0;
  const bool continues =
      std::all_of(text.begin() + 1, text.begin() + static_cast<int>(length),
                  [](char c) { return (static_cast<unsigned char>(c) >> 6) == 2; });
  return continues ? length : 0;
}

std::string Escaped(absl::string_view sequence) {
  if (sequence == "&") return "&amp;";
  if (sequence == "<") return "&lt;";
  if (sequence == ">") return "&gt;";
  if (sequence == "\"") return "&quot;";
  return std::string(sequence);
}

}  // namespace

std::string XmlText(absl::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    escaped += length == 0 ? "?" : Escaped(text.substr(0, length));
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return escaped;
}

std::string Lightened(absl::string_view fill, double white) {
  std::string lighter = "#";
  for (size_t i = 1; i + 1 < fill.size(); i += 2) {
    uint32_t part = 0;
    if (!absl::SimpleHexAtoi(fill.substr(i, 2), &part)) return std::string(fill);
    absl::StrAppendFormat(&lighter, "%02x", static_cast<int>(part + (255 - part) * white));
  }
  return lighter;
}

std::string RenderSvg(const SvgPicture& picture) {
  const int bottom = TopOfBoxes(picture) + (picture.depth + 1) * kRow;
  std::string svg = Head(bottom + 34);
  svg += Text(kPad, 24, "class=\"title\"", picture.title) + Buttons();
  int y = 24;
  for (const std::string& line : picture.lines)
    svg += Text(kPad, y += kRow, "class=\"line\"", line);
  svg += Legend(picture, y + 22);
  for (const SvgBox& box : picture.boxes) svg += Box(picture, box);
  svg += Text(kPad, bottom + 18, "id=\"info\"", "");
  svg += Text(kWidth - 330, 24, "id=\"found\" class=\"line\" data-right=\"330\"", "");
  return absl::StrCat(svg, "<script><![CDATA[", kSvgScript, "]]></script>\n</svg>\n");
}

}  // namespace waitscope::cli
