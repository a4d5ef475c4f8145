// names_check PID [COUNT]: names random addresses of a process's code, and compares with libbpfcc.
#include <bcc/bcc_syms.h>
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/os/file_access.h"
#include "agent/os/process_maps.h"
#include "agent/symbols/live_symbolizer.h"

namespace waitscope::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxMapsBytes = 32 << 20;
constexpr size_t kStackFrames = 20;

struct Named {
  std::string name;   // demangled; empty: unknown
  uint64_t into = 0;  // bytes from the function's beginning
};

// libbpfcc as its users have it, found at run time.
class Bcc {
 public:
  static absl::StatusOr<Bcc> Load() {
    void* const library = dlopen("libbcc.so.0", RTLD_NOW);
    if (library == nullptr)
      return absl::NotFoundError("libbpfcc is not installed: apt install libbpfcc");
    Bcc bcc;
    bcc.open_ = reinterpret_cast<Open>(dlsym(library, "bcc_symcache_new"));
    bcc.resolve_ = reinterpret_cast<Resolve>(dlsym(library, "bcc_symcache_resolve"));
    bcc.free_ = reinterpret_cast<Free>(dlsym(library, "bcc_symbol_free_demangle_name"));
    if (!bcc.open_ || !bcc.resolve_ || !bcc.free_) return absl::NotFoundError("another libbpfcc");
    return bcc;
  }

  void Attach(int pid) { cache_ = open_(pid, nullptr); }

  Named Name(uint64_t address) const {
    bcc_symbol symbol{};
    if (resolve_(cache_, address, &symbol) != 0) return {};
    Named named{symbol.demangle_name, symbol.offset};
    free_(&symbol);
    return named;
  }

 private:
  using Open = void* (*)(int, bcc_symbol_option*);
  using Resolve = int (*)(void*, uint64_t, bcc_symbol*);
  using Free = void (*)(bcc_symbol*);

  Open open_ = nullptr;
  Resolve resolve_ = nullptr;
  Free free_ = nullptr;
  void* cache_ = nullptr;
};

std::vector<uint64_t> RandomAddresses(uint32_t pid, size_t count) {
  const auto text = ReadText(absl::StrCat("/proc/", pid, "/maps"), kMaxMapsBytes);
  std::vector<Mapping> code = ParseMaps(text.value_or(""), 1 << 16).executable;
  std::erase_if(code, [](const Mapping& mapping) { return mapping.inode == 0; });
  std::vector<uint64_t> addresses;
  std::vector<double> sizes;
  sizes.reserve(code.size());
  for (const Mapping& mapping : code)
    sizes.push_back(static_cast<double>(mapping.end - mapping.start));
  std::mt19937_64 random(pid);  // NOLINT(cert-msc51-cpp): the same again is what is wanted
  std::discrete_distribution<size_t> choose(sizes.begin(), sizes.end());
  while (!code.empty() && addresses.size() < count) {
    const Mapping& mapping = code[choose(random)];
    addresses.push_back(mapping.start + random() % (mapping.end - mapping.start));
  }
  return addresses;
}

// As stacks, since that is how they come: all but the leaf are looked up one below.
std::vector<std::string> OurNames(LiveSymbolizer& ours, uint32_t pid,
                                  const std::vector<uint64_t>& addresses) {
  std::vector<std::string> names;
  for (size_t first = 0; first < addresses.size(); first += kStackFrames) {
    RawStack raw{.id = 1 + first, .pid = pid, .addresses = {}};
    const size_t end = std::min(addresses.size(), first + kStackFrames);
    for (size_t at = first; at < end; ++at) raw.addresses.push_back(addresses[at] + (at != first));
    Stack stack = ours.Resolve(raw);
    // What a call of Python's interpreter would give way to, and why it does not.
    std::erase_if(stack.frames, [](const Frame& frame) { return frame.module == "[python]"; });
    stack.frames.resize(end - first);
    for (Frame& frame : stack.frames) names.push_back(std::move(frame.symbol));
  }
  return names;
}

std::vector<Named> TheirNames(const Bcc& bcc, const std::vector<uint64_t>& addresses) {
  std::vector<Named> names;
  names.reserve(addresses.size());
  for (const uint64_t address : addresses) names.push_back(bcc.Name(address));
  return names;
}

template <typename Work>
double Seconds(Work work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Verdict {
  size_t same = 0;
  size_t alias = 0;  // another name of the same function
  size_t only_ours = 0;
  size_t only_theirs = 0;
  size_t neither = 0;
  size_t different = 0;
  std::vector<std::string> examples;
};

// Which of the counts an address belongs to.
size_t Verdict::*Kind(LiveSymbolizer& ours, uint32_t pid, uint64_t address, const std::string& name,
                      const Named& other) {
  if (name.empty() && other.name.empty()) return &Verdict::neither;
  if (name == other.name) return &Verdict::same;
  if (other.name.empty()) return &Verdict::only_ours;
  if (name.empty()) return &Verdict::only_theirs;
  const bool alias = OurNames(ours, pid, {address - other.into})[0] == name;
  return alias ? &Verdict::alias : &Verdict::different;
}

Verdict Compare(LiveSymbolizer& ours, uint32_t pid, const std::vector<uint64_t>& addresses,
                const std::vector<std::string>& names, const std::vector<Named>& theirs) {
  constexpr size_t kExamples = 8;
  Verdict verdict;
  for (size_t at = 0; at < addresses.size(); ++at) {
    const auto kind = Kind(ours, pid, addresses[at], names[at], theirs[at]);
    ++(verdict.*kind);
    const bool worth = kind == &Verdict::only_theirs || kind == &Verdict::different;
    if (worth && verdict.examples.size() < kExamples) {
      verdict.examples.push_back(absl::StrCat(absl::Hex(addresses[at]), ": ", names[at], " | ",
                                              theirs[at].name, "+", theirs[at].into));
    }
  }
  return verdict;
}

void Report(const Verdict& verdict, size_t count, double ours_first, double ours_again,
            double theirs_first, double theirs_again) {
  std::cout << "{\"addresses\":" << count << ",\"same\":" << verdict.same
            << ",\"alias\":" << verdict.alias << ",\"only_ours\":" << verdict.only_ours
            << ",\"only_theirs\":" << verdict.only_theirs << ",\"neither\":" << verdict.neither
            << ",\"different\":" << verdict.different << ",\"ours_first_s\":" << ours_first
            << ",\"ours_again_s\":" << ours_again << ",\"theirs_first_s\":" << theirs_first
            << ",\"theirs_again_s\":" << theirs_again << "}\n";
  for (const std::string& example : verdict.examples) std::cerr << "  " << example << "\n";
}

int Run(uint32_t pid, size_t count) {
  absl::StatusOr<Bcc> bcc = Bcc::Load();
  if (!bcc.ok()) {
    std::cerr << "names_check: " << bcc.status().message() << "\n";
    return 2;
  }
  const std::vector<uint64_t> addresses = RandomAddresses(pid, count);
  if (addresses.empty()) {
    std::cerr << "names_check: process " << pid << " has no code that can be read\n";
    return 2;
  }
  LiveSymbolizer ours;
  std::vector<std::string> names;
  std::vector<Named> theirs;
  const double ours_first = Seconds([&] { names = OurNames(ours, pid, addresses); });
  const double ours_again = Seconds([&] { names = OurNames(ours, pid, addresses); });
  const double theirs_first = Seconds([&] {
    bcc->Attach(static_cast<int>(pid));
    theirs = TheirNames(*bcc, addresses);
  });
  const double theirs_again = Seconds([&] { theirs = TheirNames(*bcc, addresses); });
  const Verdict verdict = Compare(ours, pid, addresses, names, theirs);
  Report(verdict, addresses.size(), ours_first, ours_again, theirs_first, theirs_again);
  return 0;
}

}  // namespace
}  // namespace waitscope::testing

int main(int argc, char** argv) {
  uint32_t pid = 0;
  size_t count = 10'000;
  const bool asked = argc > 1 && absl::SimpleAtoi(argv[1], &pid);
  if (!asked || (argc > 2 && !absl::SimpleAtoi(argv[2], &count))) {
    std::cerr << "usage: names_check PID [COUNT]\n";
    return 2;
  }
  return waitscope::testing::Run(pid, count);
}
