#include "agent/source/python_build.h"

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "agent/unwind/named_symbols.h"

namespace waitscope {
namespace {

// "python3.11" or "libpython3.11.so.1.0", without what stands before the digits.
std::optional<absl::string_view> DigitsOn(absl::string_view path) {
  absl::string_view name = path.substr(path.rfind('/') + 1);
  absl::ConsumeSuffix(&name, " (deleted)");
  absl::ConsumePrefix(&name, "lib");
  if (!absl::ConsumePrefix(&name, "python3.")) return std::nullopt;
  if (name.empty() || !absl::ascii_isdigit(name.front())) return std::nullopt;
  return name;
}

uint32_t MinorByName(absl::string_view path) {
  const absl::string_view name = DigitsOn(path).value_or("");
  uint32_t minor = 0;
  return absl::SimpleAtoi(name.substr(0, name.find_first_not_of("0123456789")), &minor) ? minor : 0;
}

// Py_Version, an unsigned long since 3.11: 0x030b02f0.
uint32_t MinorOf(const ElfImage& image, absl::string_view path) {
  const std::optional<uint64_t> at = FindSymbol(image, "Py_Version");
  if (!at) return MinorByName(path);
  const std::vector<uint8_t> bytes = image.ReadAddress(*at, sizeof(uint64_t));
  uint64_t version = 0;
  if (bytes.size() == sizeof(version)) std::memcpy(&version, bytes.data(), sizeof(version));
  return version >> 24 == 3 ? version >> 16 & 0xff : 0;
}

}  // namespace

bool MayHoldPython(absl::string_view path) { return DigitsOn(path).has_value(); }

std::optional<PythonBuild> FindPython(const ElfImage& image, absl::string_view path) {
  if (!MayHoldPython(path)) return std::nullopt;
  const std::optional<uint64_t> runtime = FindSymbol(image, "_PyRuntime");
  if (!runtime) return std::nullopt;
  std::optional<PythonLayout> layout = FixedPythonLayout(MinorOf(image, path));
  if (!layout) {
    layout = DescribedPythonLayout(image.ReadAddress(*runtime, kPythonDescriptionBytes));
  }
  if (!layout) return std::nullopt;
  return PythonBuild{.layout = *layout, .runtime = *runtime};
}

}  // namespace waitscope
