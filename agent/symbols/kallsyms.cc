#include "agent/symbols/kallsyms.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

// A kernel has about 150,000 functions; a few million lines mean the file is not kallsyms.
constexpr size_t kMaxEntries = 4'000'000;
constexpr size_t kMaxNameBytes = 512;  // KSYM_NAME_LEN since 6.1 (128 before)
// kallsyms gives no sizes. A function reaches to the next one, but not across a hole.
constexpr uint64_t kMaxFunctionBytes = 1 << 20;
constexpr uint64_t kMaxLastFunctionBytes = 64 << 10;

struct Line {
  uint64_t address;
  char type;
  std::string_view name;
  std::string_view module;
};

std::string_view TakeWord(std::string_view& text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  const std::string_view word = text.substr(0, text.find_first_of(" \t\r"));
  text.remove_prefix(word.size());
  return word;
}

std::optional<Line> ParseLine(std::string_view text) {
  const std::string_view address = TakeWord(text);
  const std::string_view type = TakeWord(text);
  Line line{0, type.empty() ? '\0' : type[0], TakeWord(text), TakeWord(text)};
  const auto [end, error] =
      std::from_chars(address.data(), address.data() + address.size(), line.address, 16);
  const bool whole = error == std::errc() && end == address.data() + address.size();
  if (!whole || type.size() != 1 || line.name.empty()) return std::nullopt;
  return line;
}

bool IsText(char type) { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }

}  // namespace

Kallsyms Kallsyms::Parse(std::string_view text) {
  Kallsyms symbols;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    symbols.AddLine(line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  symbols.Finish();
  return symbols;
}

absl::StatusOr<Kallsyms> Kallsyms::Load(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return absl::UnavailableError(absl::StrCat("kernel functions stay unnamed: cannot read ", path,
                                               "; run as root, or give CAP_SYSLOG"));
  }
  Kallsyms symbols;
  for (std::string line; std::getline(file, line);) symbols.AddLine(line);
  symbols.Finish();
  if (symbols.hidden()) {
    return absl::PermissionDeniedError(
        absl::StrCat("kernel functions stay unnamed: every address in ", path,
                     " is zero, so the kernel hides them; give CAP_SYSLOG and set "
                     "kernel.kptr_restrict to 0 or 1"));
  }
  return symbols;
}

void Kallsyms::AddLine(std::string_view text) {
  const std::optional<Line> line = ParseLine(text);
  if (!line || !IsText(line->type) || entries_.size() >= kMaxEntries) return;
  if (line->address == 0) {
    ++zero_addresses_;
    return;
  }
  const auto name = static_cast<uint32_t>(names_.size());
  names_.append(line->name.substr(0, kMaxNameBytes)).push_back('\0');
  entries_.push_back({line->address, name, ModuleIndex(line->module)});
}

uint32_t Kallsyms::ModuleIndex(std::string_view module) {
  if (module.empty()) return 0;
  const auto next = static_cast<uint32_t>(modules_.size());
  const auto [found, inserted] = module_index_.try_emplace(std::string(module), next);
  if (inserted) modules_.emplace_back(module);
  return found->second;
}

// Of several names for one address the first stays: the kernel lists its best name first.
void Kallsyms::Finish() {
  const auto by_address = [](const Entry& a, const Entry& b) { return a.address < b.address; };
  const auto same_address = [](const Entry& a, const Entry& b) { return a.address == b.address; };
  std::stable_sort(entries_.begin(), entries_.end(), by_address);
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same_address), entries_.end());
  entries_.shrink_to_fit();
  names_.shrink_to_fit();
}

std::optional<KernelSymbol> Kallsyms::Lookup(uint64_t address) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), address,
                       [](uint64_t wanted, const Entry& entry) { return wanted < entry.address; });
  if (after == entries_.begin()) return std::nullopt;
  const Entry& entry = *std::prev(after);
  const bool last = after == entries_.end() || after->module != entry.module;
  const uint64_t limit = last ? kMaxLastFunctionBytes : kMaxFunctionBytes;
  if (address - entry.address >= limit) return std::nullopt;
  return KernelSymbol{names_.c_str() + entry.name, modules_[entry.module]};
}

size_t Kallsyms::bytes() const {
  return entries_.capacity() * sizeof(Entry) + names_.capacity() + modules_.size() * 64;
}

}  // namespace waitscope
