// Bytes nobody vouches for, as a whole ELF file and as the table of Go's functions in a good one:
// they may name nothing, but never crash.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/symbols/elf_symbols.h"
#include "tests/unwind/elf_bytes.h"

namespace waitscope::testing {
namespace {

constexpr uint64_t kText = 0x1000;
constexpr uint64_t kTextBytes = 0x3000;
constexpr uint64_t kTable = 0x5000;

void Name(const Bytes& file) {
  const auto source = std::make_shared<const ByteSource>(std::string(file.begin(), file.end()));
  const ElfSymbols symbols = ElfSymbols::Index(source, nullptr);
  for (uint64_t at = 0; at < file.size(); at += 1 + file.size() / 512) symbols.Lookup(at);
}

}  // namespace
}  // namespace waitscope::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace waitscope::testing;
  const Bytes bytes(data, data + size);
  Name(bytes);
  Name(MakeElf({.parts = {{".text", kText, Bytes(kTextBytes, 0x90), true},
                          {".gopclntab", kTable, bytes, false}}}));
  return 0;
}
